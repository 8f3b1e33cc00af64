// The tables of a comparison: scores with the intervals of their differences, who is right about what, and those samples.

import {element, radiogroup} from "../page.js";
import {heat} from "./draw.js";
import {Matrix} from "./matrix.js";
import {choices, panel} from "./panel.js";
import {interval} from "./scores.js";
import {signed, warning, winner} from "./verdict.js";
import {count, meaningOf, nameOf, percent, valueOf} from "./words.js";

/** Every score of every evaluation, and how each differs from the first. */
export class DifferencesPanel {
  constructor(page) {
    this.page = page;
    this._table = element("table", {class: "list differences"});
    this.panel = panel("Scores and differences", {name: "differences", wide: true, rows: () => this._rows()},
      element("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "scores and differences"}, this._table),
      this._note = element("p", {class: "quiet note"}), this._many = element("p", {class: "many", role: "note"}));
  }

  show() {
    const {sides, pairs} = this.page, [first, ...others] = sides, rows = pairs[0].scores;
    const shown = pairs.flatMap((pair) => pair.scores.filter((row) => row.interval));
    this._note.textContent = "A difference is the other minus A, on the samples that both have. "
      + (shown.length ? `Its interval is a paired bootstrap: ${count(shown[0].interval.repeats)} times the same samples are drawn for both, so what is hard for both does not blur it; 95% of the differences lie inside.` : "For weighted samples and several labels at once none has an interval.");
    this._many.textContent = warning(shown.length, pairs.length);
    const head = [element("th", {scope: "col"}, "Score"), element("th", {class: "figure", scope: "col"}, first.letter),
      ...others.flatMap(({letter}) => [element("th", {class: "figure", scope: "col"}, letter), element("th", {scope: "col"}, `${letter} − ${first.letter}`), element("th", {scope: "col"}, "By its interval")])];
    this._table.replaceChildren(element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows.map((row, i) => this._row(row, i))));
  }

  _row(row, i) {
    const [first, ...others] = this.page.sides;
    return element("tr", {}, element("th", {scope: "row", title: meaningOf(row.name)}, nameOf(row.name)), element("td", {class: "figure"}, valueOf(row.name, row.a)),
      ...others.flatMap(({letter}, number) => {
        const one = this.page.pairs[number].scores[i], who = winner(one), found = one.interval;
        const says = {a: `${first.letter} is better`, b: `${letter} is better`, noise: "within noise"}[who] ?? "no interval";
        const reach = found ? Math.max(Math.abs(found.low), Math.abs(found.high), Math.abs(one.difference)) * 1.05 : 1;
        return [element("td", {class: "figure"}, valueOf(one.name, one.b)),
          element("td", {}, element("span", {class: "with-interval"}, interval(one.difference, found, [-reach, reach]), one.difference === null ? "–" : signed(one.name, one.difference),
            element("span", {class: "quiet"}, found && found.low !== null ? ` [${signed(one.name, found.low)}, ${signed(one.name, found.high)}]` : ""))),
          element("td", {class: `says ${who ?? ""}`}, says)];
      }));
  }

  _rows() {
    return [["score", "other", "A", "other's", "difference", "low", "high"], ...this.page.pairs.flatMap((pair, number) => pair.scores.map((row) =>
      [row.name, this.page.sides[number + 1].title, row.a, row.b, row.difference, row.interval?.low, row.interval?.high]))];
  }
}

const GROUPS = [["both", "only_a"], ["only_b", "neither"]];

/** Who is right about how many samples; a cell is clicked for these. */
export class AgreementPanel {
  constructor(page) {
    this.page = page;
    const host = element("div");
    this.matrix = new Matrix(host, {label: "who is right about how many samples", tip: page.tip, size: 62, rowTitle: "A", columnTitle: "the other",
      onpick: (row, column) => this.pick(GROUPS[row][column]), tell: (row, column) => this._tell(row, column)});
    this.panel = panel("Where they agree", {name: "agreement", rows: () => [["who is right", "samples"], ...Object.entries(page.pair.agreement)], note: "Click a cell for its samples."}, host);
  }

  show() {
    const {pair, other, sides: [first]} = this.page;
    this.panel.hidden = !pair.agreement;
    if (!pair.agreement) return;
    this.panel.querySelector("h2").textContent = `Where ${first.letter} and ${other.letter} agree`;
    Object.assign(this.matrix, {rowTitle: first.letter, columnTitle: other.letter});
    this.matrix.draw({rows: ["right", "wrong"], columns: ["right", "wrong"], picked: (row, column) => GROUPS[row][column] === this.page.group,
      cells: GROUPS.map((line) => line.map((group) => ({text: count(pair.agreement[group]), under: this._name(group), kind: group === "both" ? "right" : group === "neither" ? "wrong" : "apart"})))});
  }

  pick(group) {
    this.page.show({group: group === this.page.group ? null : group});
  }

  _name(group) {
    const {other, sides: [first]} = this.page;
    return {both: "both right", only_a: `only ${first.letter}`, only_b: `only ${other.letter}`, neither: "both wrong"}[group];
  }

  _tell(row, column) {
    const {agreement, samples} = this.page.pair, group = GROUPS[row][column];
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
    this.panel = panel("Samples", {name: "samples", rows: () => [["sample", "true", "A", "score of A", "other", "score of the other"], ...(this._items ?? []).map((one) => [one.sample_id ?? one.sample_no, String(one.target), String(one.prediction), one.score, String(one.prediction_b), one.score_b])]},
      this._count, element("div", {class: "scroll tall-list", tabindex: 0, role: "region", "aria-label": "samples of a group"}, element("table", {class: "list"}, element("thead", {}, this._head), this._body)));
  }

  async show() {
    const {pair, group, other, sides: [first]} = this.page;
    this.panel.hidden = !pair.agreement;
    if (!pair.agreement) return;
    const wanted = group ?? (pair.agreement.only_a >= pair.agreement.only_b ? "only_a" : "only_b");
    const {items} = await this.page.groupOf(wanted), text = (value) => (Array.isArray(value) ? value.join(", ") || "none" : String(value));
    this._items = items;
    const whole = pair.agreement[wanted], said = {both: "Both are right", only_a: `Only ${first.letter} is right`, only_b: `Only ${other.letter} is right`, neither: "Both are wrong"}[wanted];
    this._count.textContent = `${said}: ${count(whole)} sample${whole === 1 ? "" : "s"}${items.length < whole ? `, the first ${count(items.length)}` : ""}`;
    this._head.replaceChildren(...["Sample", "True", first.letter, "Sure", other.letter, "Sure"].map((name, i) => element("th", {scope: "col", class: i === 3 || i === 5 ? "figure" : ""}, name)));
    const cellOf = (item, value) => element("td", {class: text(item.target) === text(value) ? "" : "missed"}, text(value));
    this._body.replaceChildren(...items.map((item) => element("tr", {}, element("th", {scope: "row"}, item.sample_id ?? `no. ${item.sample_no}`), element("td", {}, text(item.target)),
      cellOf(item, item.prediction), element("td", {class: "figure"}, valueOf("", item.score)), cellOf(item, item.prediction_b), element("td", {class: "figure"}, valueOf("", item.score_b)))));
  }
}

/** The matrix of one evaluation, its cells coloured on the scale of all. */
export class SideMatrix {
  constructor(page, side) {
    Object.assign(this, {page, side, norm: "true"});
    const host = element("div"), group = choices(`cells of ${side.letter}`, {count: "Count", true: "By true"});
    const choose = radiogroup(group, (norm) => {
      choose(norm);
      this.norm = norm;
      this.show();
    });
    choose(this.norm);
    this.matrix = new Matrix(host, {label: `confusion matrix of ${side.title}`, tip: page.tip, onpick: () => {}, tell: (row, column) => this._tell(row, column)});
    this.panel = panel(`${side.letter}: confusion matrix`, {beside: [group], rows: () => [["true \\ predicted", ...page.labels], ...side.report.matrix.map((row, i) => [page.labels[i], ...row])]}, host);
    document.addEventListener("prevue-theme", () => this.show());
  }

  show() {
    const {classes, labels} = this.page, {matrix} = this.side.report, names = classes.map((number) => labels[number]);
    const most = Math.max(...this.page.sides.flatMap(({report}) => report.matrix.flat()));
    this.matrix.draw({rows: names, columns: names, cells: classes.map((row) => classes.map((column) => {
      const value = matrix[row][column], share = this._share(row, column), {fill, text} = heat((this.norm === "count" ? value / (most || 1) : share) ** 0.75);
      return {text: !value ? "" : this.norm === "count" ? count(value) : (share * 100).toFixed(share < 0.0995 ? 1 : 0), fill, colour: text};
    }))});
  }

  _share(row, column) {
    const {matrix} = this.side.report, whole = matrix[row].reduce((sum, one) => sum + one, 0);
    return whole ? matrix[row][column] / whole : 0;
  }

  /** The same cell in all evaluations. */
  _tell(row, column) {
    const {classes, labels, sides} = this.page, [a, b] = [classes[row], classes[column]];
    return [`${labels[a]} predicted as ${labels[b]}`, ...sides.map(({letter, report}) => `${letter}: ${count(report.matrix[a][b])} samples`)];
  }
}
