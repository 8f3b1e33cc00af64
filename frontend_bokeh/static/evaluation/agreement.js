// Who of two is right about which samples, and these samples.

import {element} from "../page.js";
import {Matrix} from "./matrix.js";
import {panel} from "./panel.js";
import {count, percent, valueOf} from "./words.js";

const GROUPS = [
  ["both", "only_a"],
  ["only_b", "neither"],
];

/** Who is right about how many samples; a cell is clicked for these. */
export class AgreementPanel {
  constructor(page) {
    this.page = page;
    const host = element("div");
    this.matrix = new Matrix(host, {
      label: "who is right about how many samples",
      tip: page.tip,
      size: 62,
      rowTitle: "A",
      columnTitle: "the other",
      onpick: (row, column) => this.pick(GROUPS[row][column]),
      tell: (row, column) => this._tell(row, column),
    });
    this.panel = panel(
      "Where they agree",
      {
        name: "agreement",
        rows: () => [["who is right", "samples"], ...Object.entries(page.pair.agreement)],
        note: "Click a cell for its samples.",
      },
      host,
    );
  }

  show() {
    const {
      pair,
      other,
      sides: [first],
    } = this.page;
    this.panel.hidden = !pair.agreement;
    if (!pair.agreement) return;
    this.panel.querySelector("h2").textContent = `Where ${first.letter} and ${other.letter} agree`;
    Object.assign(this.matrix, {rowTitle: first.letter, columnTitle: other.letter});
    this.matrix.draw({
      rows: ["right", "wrong"],
      columns: ["right", "wrong"],
      picked: (row, column) => GROUPS[row][column] === this.page.group,
      cells: GROUPS.map((line) =>
        line.map((group) => ({
          text: count(pair.agreement[group]),
          under: this._name(group),
          kind: group === "both" ? "right" : group === "neither" ? "wrong" : "apart",
        })),
      ),
    });
  }

  pick(group) {
    this.page.show({group: group === this.page.group ? null : group});
  }

  _name(group) {
    const {
      other,
      sides: [first],
    } = this.page;
    return {both: "both right", only_a: `only ${first.letter}`, only_b: `only ${other.letter}`, neither: "both wrong"}[group];
  }

  _tell(row, column) {
    const {agreement, samples} = this.page.pair,
      group = GROUPS[row][column];
    return [this._name(group), `${count(agreement[group])} samples, ${percent(agreement[group] / samples)}`];
  }
}

/** The samples of a group, with what each says of them. */
export class GroupPanel {
  constructor(page) {
    this.page = page;
    this._body = element("tbody");
    this._head = element("tr");
    this._count = element("p", {class: "quiet", role: "status"});
    this.panel = panel(
      "Samples",
      {
        name: "samples",
        rows: () => [
          ["sample", "true", "A", "score of A", "other", "score of the other"],
          ...(this._items ?? []).map((one) => [
            one.sample_id ?? one.sample_no,
            String(one.target),
            String(one.prediction),
            one.score,
            String(one.prediction_b),
            one.score_b,
          ]),
        ],
      },
      this._count,
      element(
        "div",
        {class: "scroll tall-list", tabindex: 0, role: "region", "aria-label": "samples of a group"},
        element("table", {class: "list"}, element("thead", {}, this._head), this._body),
      ),
    );
  }

  async show() {
    const {
      pair,
      group,
      other,
      sides: [first],
    } = this.page;
    this.panel.hidden = !pair.agreement;
    if (!pair.agreement) return;
    const wanted = group ?? (pair.agreement.only_a >= pair.agreement.only_b ? "only_a" : "only_b");
    const {items, error} = await this.page.groupOf(wanted).catch((error) => ({items: [], error}));
    if (group !== this.page.group || other !== this.page.other) return; // others are wanted meanwhile
    const text = (value) => (Array.isArray(value) ? value.join(", ") || "none" : String(value));
    this._items = items;
    const whole = pair.agreement[wanted],
      said = {
        both: "Both are right",
        only_a: `Only ${first.letter} is right`,
        only_b: `Only ${other.letter} is right`,
        neither: "Both are wrong",
      }[wanted];
    const part = items.length < whole ? `, the first ${count(items.length)}` : "";
    this._count.textContent = error
      ? `The samples did not come: ${error.message}`
      : `${said}: ${count(whole)} sample${whole === 1 ? "" : "s"}${part}`;
    this._head.replaceChildren(
      ...["Sample", "True", first.letter, "Sure", other.letter, "Sure"].map((name, i) =>
        element("th", {scope: "col", class: i === 3 || i === 5 ? "figure" : ""}, name),
      ),
    );
    const cellOf = (item, value) => element("td", {class: text(item.target) === text(value) ? "" : "missed"}, text(value));
    this._body.replaceChildren(
      ...items.map((item) =>
        element(
          "tr",
          {},
          element("th", {scope: "row"}, item.sample_id ?? `no. ${item.sample_no}`),
          element("td", {}, text(item.target)),
          cellOf(item, item.prediction),
          element("td", {class: "figure"}, valueOf("", item.score)),
          cellOf(item, item.prediction_b),
          element("td", {class: "figure"}, valueOf("", item.score_b)),
        ),
      ),
    );
  }
}
