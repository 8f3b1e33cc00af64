// The confusion matrix of several classes: counts or shares; of many classes the most confused ones.

import {element, radiogroup} from "../page.js";
import {heat} from "./draw.js";
import {Matrix} from "./matrix.js";
import {choices, panel} from "./panel.js";
import {count, percent} from "./words.js";

const MOST = 20; // classes that are shown of very many
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
    this.classes = this._shown(matrix);
    const isCut = labels.length > MOST;
    this._more.hidden = !isCut;
    this._more.textContent = this.isAll ? `Worst ${MOST}` : `All ${labels.length}`;
    this._note.textContent = isCut
      ? `${this.isAll ? `All ${labels.length} classes` : `The ${MOST} most confused of ${labels.length} classes`}, the most confused first.`
      : "Click a cell for its samples.";
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
        ? Math.max(...this.classes.flatMap((row) => this.classes.map((column) => matrix[row][column])))
        : 1;
    const cells = this.classes.map((row) =>
      this.classes.map((column) => {
        const value = matrix[row][column],
          share = this._share(row, column, norm);
        const {fill, text} = heat((norm === "count" || norm === "all" ? value / (most || 1) : share) ** 0.75);
        return {
          text: norm === "count" ? (value ? count(value) : "") : value ? (share * 100).toFixed(share < 0.0995 ? 1 : 0) : "",
          fill,
          colour: text,
        };
      }),
    );
    this.matrix.draw({rows: names, columns: names, cells, picked: (row, column) => this.page.isPicked(this._filter(row, column))});
  }

  /** All classes as they were logged; of many the most confused, by how many samples are taken for or from them. */
  _shown(matrix) {
    const every = [...matrix.keys()];
    if (matrix.length <= MOST) return every;
    const off = (number) => this._sums.rows[number] + this._sums.columns[number] - 2 * matrix[number][number];
    const sorted = every.toSorted((a, b) => off(b) - off(a));
    return this.isAll ? sorted : sorted.slice(0, MOST);
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

const sum = (values) => values.reduce((total, value) => total + value, 0);
