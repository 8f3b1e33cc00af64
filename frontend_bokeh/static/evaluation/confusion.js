// The confusion matrix of several classes: counts or shares; of many classes the most confused ones.

import {element, radiogroup} from "../page.js";
import {heat} from "./draw.js";
import {Matrix} from "./matrix.js";
import {choices, panel} from "./panel.js";
import {count, percent} from "./words.js";

const MOST = 20, // classes that are shown of very many
  MOST_DRAWN = 200; // where more are asked for
const NORMS = {count: "Count", true: "By true", predicted: "By predicted", all: "Of all"};

export class ConfusionPanel {
  constructor(page) {
    this.page = page;
    this.isAll = false;
    const group = choices("what the cells show", NORMS),
      host = element("div", {class: "scroll"});
    this._choose = radiogroup(group, (norm) => page.choice.set({norm}));
    this._more = element("button", {
      onclick: () => {
        this.isAll = !this.isAll;
        this.show();
      },
    });
    this._note = element("p", {class: "quiet note"});
    const inner = element("div");
    host.append(inner);
    this.matrix = new Matrix(inner, {
      label: "confusion matrix",
      tip: page.tip,
      onpick: (row, column) => page.choice.pick(this._filter(row, column)),
      tell: (row, column) => this._tell(row, column),
      rowTitle: "True class",
      columnTitle: "Predicted class",
    });
    this.panel = panel("Confusion matrix", {beside: [this._more, group], rows: () => this._rows()}, host, this._note);
    document.addEventListener("prevue-theme", () => page.report && this.show());
  }

  show() {
    const {
      report: {matrix},
      evaluation: {labels},
    } = this.page;
    if (!matrix) {
      this._note.textContent = "A matrix of more than 1,000 classes cannot be shown; the table of classes has them.";
      return;
    }
    this._sums = {rows: matrix.map(sum), columns: matrix[0].map((_, column) => sum(matrix.map((row) => row[column])))};
    this._whole = sum(this._sums.rows);
    this.classes = matrix.length > MOST ? mostConfused(this.page.report, this.isAll ? this._most : MOST) : [...matrix.keys()];
    const isCut = labels.length > MOST,
      named = (number) => (number < labels.length ? `The ${number} most confused of ${count(labels.length)} classes` : `All ${number} classes`);
    this._more.hidden = !isCut;
    this._more.textContent = this.isAll ? `Worst ${MOST}` : `${labels.length > MOST_DRAWN ? "Worst" : "All"} ${this._most}`;
    this._note.textContent = isCut ? `${named(this.classes.length)}, the most confused first.` : "Click a cell for its samples.";
    this.update();
  }

  update() {
    if (!this.classes) return;
    const {
      report: {matrix},
      evaluation: {labels},
      choice: {
        values: {norm},
      },
    } = this.page;
    this._choose(norm);
    const names = this.classes.map((number) => labels[number]);
    const most =
      norm === "count" || norm === "all"
        ? this.classes.reduce((most, row) => Math.max(most, ...this.classes.map((column) => matrix[row][column])), 0)
        : 1;
    const cells = this.classes.map((row) =>
      this.classes.map((column) => {
        const value = matrix[row][column],
          share = this._share(row, column, norm);
        const {fill, text} = heat((norm === "count" || norm === "all" ? value / (most || 1) : share) ** 0.75);
        const shown = norm === "count" ? count : () => (share * 100).toFixed(share < 0.0995 ? 1 : 0);
        return {text: value && this.matrix.hasRoom(names) ? shown(value) : "", fill, colour: text};
      }),
    );
    this.matrix.draw({rows: names, columns: names, cells, picked: (row, column) => this.page.isPicked(this._filter(row, column))});
  }

  showPicked() {
    this.matrix.mark();
  }

  get _most() {
    return Math.min(MOST_DRAWN, this.page.evaluation.labels.length);
  }

  _share(row, column, norm) {
    const whole = {true: this._sums.rows[row], predicted: this._sums.columns[column]}[norm] ?? this._whole;
    return whole ? this.page.report.matrix[row][column] / whole : 0;
  }

  _filter(row, column) {
    return {target: this.classes[row], prediction: this.classes[column]};
  }

  _tell(row, column) {
    const [a, b] = [this.classes[row], this.classes[column]],
      {labels} = this.page.evaluation;
    return [
      a === b ? `${labels[a]}, predicted rightly` : `${labels[a]} predicted as ${labels[b]}`,
      `${count(this.page.report.matrix[a][b])} samples`,
      `${percent(this._share(a, b, "true"))} of true ${labels[a]}`,
      `${percent(this._share(a, b, "predicted"))} of predicted ${labels[b]}`,
    ];
  }

  _rows() {
    const {labels} = this.page.evaluation;
    return [["true \\ predicted", ...labels], ...this.page.report.matrix.map((row, i) => [labels[i], ...row])];
  }
}

/** Return the classes that are taken for one another most, sorted by how many samples of them are taken for others. */
export function mostConfused({matrix, confusions}, most) {
  const off = matrix.map((row, number) => sum(row) - row[number]);
  for (const [number, row] of matrix.entries()) for (const [other, one] of row.entries()) if (other !== number) off[other] += one;
  const sorted = [...matrix.keys()].sort((a, b) => off[b] - off[a]),
    pairs = confusions.flatMap(({target, prediction}) => [target, prediction]);
  const worst = new Set([...new Set([...pairs, ...sorted])].slice(0, most));
  return sorted.filter((number) => worst.has(number));
}

const sum = (values) => values.reduce((total, value) => total + value, 0);
