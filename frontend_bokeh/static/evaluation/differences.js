// The scores of several evaluations, and how each differs from the first.

import {element} from "../page.js";
import {panel} from "./panel.js";
import {interval} from "./slices.js";
import {signed, warning, winner} from "./verdict.js";
import {count, meaningOf, nameOf, valueOf} from "./words.js";

/** Every score of every evaluation, and how each differs from the first. */
export class DifferencesPanel {
  constructor(page) {
    this.page = page;
    this._table = element("table", {class: "list differences"});
    this.panel = panel(
      "Scores and differences",
      {name: "differences", wide: true, rows: () => this._rows()},
      element("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "scores and differences"}, this._table),
      (this._note = element("p", {class: "quiet note"})),
      (this._many = element("p", {class: "many", role: "note"})),
    );
  }

  show() {
    const {sides, pairs} = this.page,
      [first, ...others] = sides,
      rows = pairs[0].scores;
    const shown = pairs.flatMap((pair) => pair.scores.filter((row) => row.interval));
    this._note.textContent =
      "A difference is the other minus A, on the samples that both have. " +
      (shown.length
        ? `Its interval is a paired bootstrap: ${count(shown[0].interval.repeats)} times the same samples are drawn for both, ` +
          `so what is hard for both does not blur it; 95% of the differences lie inside.`
        : "Where the two weigh the same samples differently none has an interval.");
    this._many.textContent = warning(shown.length, pairs.length);
    const head = [
      element("th", {scope: "col"}, "Score"),
      element("th", {class: "figure", scope: "col"}, first.letter),
      ...others.flatMap(({letter}) => [
        element("th", {class: "figure", scope: "col"}, letter),
        element("th", {scope: "col"}, `${letter} − ${first.letter}`),
        element("th", {scope: "col"}, "By its interval"),
      ]),
    ];
    this._table.replaceChildren(
      element("thead", {}, element("tr", {}, ...head)),
      element("tbody", {}, ...rows.map((row, i) => this._row(row, i))),
    );
  }

  _row(row, i) {
    const [first, ...others] = this.page.sides;
    return element(
      "tr",
      {},
      element("th", {scope: "row", title: meaningOf(row.name)}, nameOf(row.name)),
      element("td", {class: "figure"}, valueOf(row.name, row.a)),
      ...others.flatMap(({letter}, number) => {
        const one = this.page.pairs[number].scores[i];
        return [element("td", {class: "figure"}, valueOf(one.name, one.b)), ...differenceCells(one, first.letter, letter)];
      }),
    );
  }

  _rows() {
    return [
      ["score", "other", "A", "other's", "difference", "low", "high"],
      ...this.page.pairs.flatMap((pair, number) =>
        pair.scores.map((row) => [
          row.name,
          this.page.sides[number + 1].title,
          row.a,
          row.b,
          row.difference,
          row.interval?.low,
          row.interval?.high,
        ]),
      ),
    ];
  }
}

/** Two cells of a table: by how much `b` differs from `a` in a score, and what its interval says. */
export function differenceCells(row, a, b) {
  const {name, difference, interval: found} = row,
    who = winner(row),
    says = {a: `${a} is better`, b: `${b} is better`, noise: "within noise"}[who] ?? "no interval",
    reach = found ? Math.max(Math.abs(found.low), Math.abs(found.high), Math.abs(difference)) * 1.05 : 1;
  const between = found && found.low !== null ? ` [${signed(name, found.low)}, ${signed(name, found.high)}]` : "";
  return [
    element(
      "td",
      {},
      element(
        "span",
        {class: "with-interval"},
        interval(difference, found, [-reach, reach]),
        difference === null ? "–" : signed(name, difference),
        element("span", {class: "quiet"}, between),
      ),
    ),
    element("td", {class: `says ${who ?? ""}`}, says),
  ];
}
