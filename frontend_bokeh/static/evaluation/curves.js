// The curves of one class against the rest, with the threshold on them: ROC, precision and recall.

import {element} from "../page.js";
import {Plot, svg} from "./draw.js";
import {panel} from "./panel.js";
import {fallOut, precision, recall} from "./sweep.js";
import {valueOf} from "./words.js";

const SHARE = () => ({low: 0, high: 1});

class CurvePanel {
  /** `key`: of the report; `of(counts)`: the curve's x and y at a threshold; `area`: the score that is its area. */
  constructor(page, {title, name, key, area, x, y, of, isDiagonal}) {
    Object.assign(this, {page, key, area, of, isDiagonal});
    const host = element("div");
    this._badge = element("span", {class: "area"});
    this.panel = panel(title, {name, beside: [this._badge], rows: () => this._rows(x, y)}, host);
    this.plot = new Plot(host, {
      label: title,
      x: {...SHARE(), name: x},
      y: {...SHARE(), name: y},
      height: 290,
      paint: () => this._paint(),
      ondrag: (a, b) => this._dragged(a, b),
    });
  }

  show() {
    const area = this.page.report.classes[this.page.label][this.area];
    const name = {roc_auc: "AUC", average_precision: "AP"}[this.area];
    this._badge.textContent = `${name} ${valueOf(this.area, area)}${this.page.hasManyClasses ? ` · ${this.page.labelName}` : ""}`;
    this.plot.draw();
  }

  _paint() {
    const curve = this.page.report[this.key],
      {plot} = this;
    const means = (this.page.means ?? []).filter((mean) => mean[this.key]);
    if (this.isDiagonal) plot.ground.append(plot.line([0, 1], [0, 1], {class: "chance"}));
    else if (this.page.share !== null) plot.ground.append(plot.line([0, 1], [this.page.share, this.page.share], {class: "chance"}));
    for (const mean of means) plot.ground.append(plot.line(mean[this.key].x, mean[this.key].y, {class: `mean ${mean.of}`}));
    if (curve) plot.ground.append(plot.area(curve.x, curve.y, {class: "below"}), plot.line(curve.x, curve.y, {class: "curve"}));
    for (const [i, mean] of means.entries()) {
      const [x, y] = this.isDiagonal ? [plot.px(0.98), plot.py(0.06 + 0.08 * i)] : [plot.px(0.03), plot.py(0.06 + 0.08 * i)];
      plot.ground.append(
        svg(
          "text",
          {class: "tick over", x, y, "text-anchor": this.isDiagonal ? "end" : "start"},
          `${mean.of} mean ${valueOf(this.area, mean[this.area])}`,
        ),
      );
    }
    this.update();
  }

  update() {
    if (!this.plot.width || !this.page.report[this.key]) return;
    const [x, y] = this.of(this.page.sweep.counts(this.page.place));
    const mark = x === null || y === null ? [] : [svg("circle", {class: "mark", cx: this.plot.px(x), cy: this.plot.py(y), r: 6})];
    this.plot.marks.replaceChildren(...mark);
  }

  _dragged(x, y) {
    const {sweep, choice} = this.page;
    if (sweep) choice.set({threshold: sweep.threshold[Math.max(1, sweep.nearest(x, y, this.of))] ?? this.page.high});
  }

  _rows(x, y) {
    const curve = this.page.report[this.key];
    return [[x, y, "threshold"], ...curve.x.map((value, i) => [value, curve.y[i], curve.threshold[i]])];
  }
}

export const rocPanel = (page) =>
  new CurvePanel(page, {
    title: "ROC curve",
    name: "roc",
    key: "roc",
    area: "roc_auc",
    x: "False positive rate",
    y: "True positive rate",
    of: (counts) => [fallOut(counts), recall(counts)],
    isDiagonal: true,
  });
export const precisionRecallPanel = (page) =>
  new CurvePanel(page, {
    title: "Precision and recall",
    name: "precision-recall",
    key: "precision_recall",
    area: "average_precision",
    x: "Recall",
    y: "Precision",
    of: (counts) => [recall(counts), precision(counts)],
    isDiagonal: false,
  });
