// The matrices of several evaluations side by side, their cells coloured on one scale.

import {element, radiogroup} from "../page.js";
import {heat} from "./draw.js";
import {Matrix} from "./matrix.js";
import {choices, panel} from "./panel.js";
import {count} from "./words.js";

/** The matrix of one evaluation, its cells coloured on the scale of all. */
export class SideMatrix {
  constructor(page, side) {
    Object.assign(this, {page, side, norm: "true"});
    const host = element("div"),
      group = choices(`cells of ${side.letter}`, {count: "Count", true: "By true"});
    const choose = radiogroup(group, (norm) => {
      choose(norm);
      this.norm = norm;
      this.show();
    });
    choose(this.norm);
    this.matrix = new Matrix(host, {
      label: `confusion matrix of ${side.title}`,
      tip: page.tip,
      onpick: () => {},
      tell: (row, column) => this._tell(row, column),
    });
    this.panel = panel(
      `${side.letter}: confusion matrix`,
      {
        beside: [group],
        rows: () => [["true \\ predicted", ...page.labels], ...side.report.matrix.map((row, i) => [page.labels[i], ...row])],
      },
      host,
    );
    document.addEventListener("prevue-theme", () => this.show());
  }

  show() {
    const {classes, labels} = this.page,
      {matrix} = this.side.report,
      names = classes.map((number) => labels[number]);
    const most = Math.max(...this.page.sides.flatMap((side) => classes.flatMap((row) => classes.map((column) => side.report.matrix[row][column]))));
    this.matrix.draw({
      rows: names,
      columns: names,
      cells: classes.map((row) =>
        classes.map((column) => {
          const value = matrix[row][column],
            share = this._share(row, column),
            {fill, text} = heat((this.norm === "count" ? value / (most || 1) : share) ** 0.75);
          return {
            text: !value ? "" : this.norm === "count" ? count(value) : (share * 100).toFixed(share < 0.0995 ? 1 : 0),
            fill,
            colour: text,
          };
        }),
      ),
    });
  }

  _share(row, column) {
    const {matrix} = this.side.report,
      whole = matrix[row].reduce((sum, one) => sum + one, 0);
    return whole ? matrix[row][column] / whole : 0;
  }

  /** The same cell in all evaluations. */
  _tell(row, column) {
    const {classes, labels, sides} = this.page,
      [a, b] = [classes[row], classes[column]];
    return [
      `${labels[a]} predicted as ${labels[b]}`,
      ...sides.map(({letter, report}) => `${letter}: ${count(report.matrix[a][b])} samples`),
    ];
  }
}
