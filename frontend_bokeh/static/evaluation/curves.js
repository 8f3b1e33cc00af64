// The curves of one class against the rest, all with the threshold on them: ROC, precision-recall, histogram, calibration.

import {element, radiogroup} from "../page.js";
import {Plot, svg, telling} from "./draw.js";
import {choices, panel} from "./panel.js";
import {fallOut, precision, recall} from "./sweep.js";
import {numeral} from "./threshold.js";
import {count, percent, valueOf} from "./words.js";

const SHARE = () => ({low: 0, high: 1});

class CurvePanel {
  /** `key`: of the report; `of(counts)`: the curve's x and y at a threshold; `area`: the score that is its area. */
  constructor(page, {title, name, key, area, x, y, of, isDiagonal}) {
    Object.assign(this, {page, key, area, of, isDiagonal});
    const host = element("div");
    this._badge = element("span", {class: "area"});
    this.panel = panel(title, {name, beside: [this._badge], rows: () => this._rows(x, y)}, host);
    this.plot = new Plot(host, {label: title, x: {...SHARE(), name: x}, y: {...SHARE(), name: y}, height: 290,
      paint: () => this._paint(), ondrag: (a, b) => this._dragged(a, b)});
  }

  show() {
    const area = this.page.report.classes[this.page.label][this.area];
    const name = {roc_auc: "AUC", average_precision: "AP"}[this.area];
    this._badge.textContent = `${name} ${valueOf(this.area, area)}${this.page.hasManyClasses ? ` · ${this.page.labelName}` : ""}`;
    this.plot.draw();
  }

  _paint() {
    const curve = this.page.report[this.key], {plot} = this;
    const means = (this.page.means ?? []).filter((mean) => mean[this.key]);
    if (this.isDiagonal) plot.ground.append(plot.line([0, 1], [0, 1], {class: "chance"}));
    else if (this.page.share !== null) plot.ground.append(plot.line([0, 1], [this.page.share, this.page.share], {class: "chance"}));
    for (const mean of means) plot.ground.append(plot.line(mean[this.key].x, mean[this.key].y, {class: `mean ${mean.of}`}));
    if (curve) plot.ground.append(plot.area(curve.x, curve.y, {class: "below"}), plot.line(curve.x, curve.y, {class: "curve"}));
    for (const [i, mean] of means.entries()) {
      const [x, y] = this.isDiagonal ? [plot.px(0.98), plot.py(0.06 + 0.08 * i)] : [plot.px(0.03), plot.py(0.06 + 0.08 * i)];
      plot.ground.append(svg("text", {class: "tick over", x, y, "text-anchor": this.isDiagonal ? "end" : "start"},
        `${mean.of} mean ${valueOf(this.area, mean[this.area])}`));
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

export const rocPanel = (page) => new CurvePanel(page, {title: "ROC curve", name: "roc", key: "roc", area: "roc_auc",
  x: "False positive rate", y: "True positive rate", of: (counts) => [fallOut(counts), recall(counts)], isDiagonal: true});
export const precisionRecallPanel = (page) => new CurvePanel(page, {title: "Precision and recall", name: "precision-recall", key: "precision_recall",
  area: "average_precision", x: "Recall", y: "Precision", of: (counts) => [recall(counts), precision(counts)], isDiagonal: false});

/** The scores of the class's samples and of the rest: bars are clicked, the threshold is drawn along. */
export class HistogramPanel {
  constructor(page) {
    this.page = page;
    const host = element("div");
    this._names = element("span", {class: "keys"});
    this.panel = panel("Scores by true class", {name: "scores", beside: [this._names], rows: () => this._rows(),
      note: "Click a bar for its samples; drag the line, or beside it, to move the threshold. Heights grow with the square root, so that few samples among many are seen."}, host);
    this.plot = new Plot(host, {label: "histogram of the scores, of the class upwards and of the rest downwards", x: {...SHARE(), name: "Score"},
      y: {low: -1, high: 1, name: "Samples", text: (root) => count(Math.round(root ** 2))}, height: 290, paint: () => this._paint(),
      ondrag: (x) => page.choice.set({threshold: x})}).letWalk();
  }

  show() {
    const {edges, label, rest} = this.page.report.histogram, {labelName, restName} = this.page;
    this._names.replaceChildren(element("i", {class: "swatch one"}), labelName, element("i", {class: "swatch other"}), restName);
    const [up, down] = [label, rest].map((amounts) => Math.sqrt(Math.max(1, ...amounts)));
    const places = roots(Math.max(up, down) ** 2).flatMap((root) => [root, -root]).filter((root) => root <= up && -root <= down);
    this.plot.draw({x: {low: edges[0], high: edges.at(-1)}, y: {low: -1.06 * down, high: 1.06 * up, ticks: places}});
  }

  showPicked() {
    this.plot.draw();
  }

  _paint() {
    const {plot, page} = this, {edges, label, rest} = page.report.histogram;
    for (let i = 0; i < label.length; i++) {
      for (const [amount, kind] of [[label[i], "one"], [-rest[i], "other"]]) {
        if (!amount) continue;
        const filter = this._filter(i, kind), isPicked = page.isPicked(filter);
        const lines = [kind === "one" ? page.labelName : page.restName, `${count(Math.abs(amount))} samples`, `score ${numeral(edges[i])} to ${numeral(edges[i + 1])}`];
        plot.ground.append(plot.bar(edges[i], edges[i + 1], 0, Math.sign(amount) * Math.sqrt(Math.abs(amount)),
          {class: `column pick ${kind}${isPicked ? " picked" : ""}`, ...telling(page, lines, filter)}));
      }
    }
    plot.ground.append(svg("line", {class: "zero", x1: plot.px(plot.x.low), x2: plot.px(plot.x.high), y1: plot.py(0), y2: plot.py(0)}));
    this.update();
  }

  update() {
    if (!this.plot.width) return;
    const x = this.plot.px(Math.min(this.plot.x.high, Math.max(this.plot.x.low, this.page.threshold)));
    this.plot.marks.replaceChildren(svg("line", {class: "rule", x1: x, x2: x, y1: 10, y2: this.plot.height - 36}));
  }

  _filter(bin, kind) {
    const {label, report: {histogram: {edges}}} = this.page, isLast = bin === edges.length - 2;
    return {target: kind === "one" ? label : -1 - label, by: `score:${label}`, low: edges[bin], ...(isLast ? {} : {high: edges[bin + 1]})};
  }

  _rows() {
    const {edges, label, rest} = this.page.report.histogram;
    return [["from", "to", this.page.labelName, this.page.restName], ...label.map((amount, i) => [edges[i], edges[i + 1], amount, rest[i]])];
  }
}

/** Places of round counts on an axis of square roots, with room between them. */
function roots(most) {
  const round = [0, 1, 2, 3, 4, 5, 6].flatMap((power) => [1, 2, 5].map((times) => times * 10 ** power)).filter((amount) => amount <= most);
  return round.reverse().reduce((kept, amount) => (kept.length && kept.at(-1) - Math.sqrt(amount) < 0.2 * Math.sqrt(most) ? kept : [...kept, Math.sqrt(amount)]), []);
}

/** Whether probabilities are right: how many of the samples with one are of the class. */
export class CalibrationPanel {
  constructor(page) {
    this.page = page;
    this.by = "width";
    const host = element("div"), group = choices("bins", {width: "Equal width", count: "Equal count"});
    this._badge = element("span", {class: "area"});
    const show = radiogroup(group, (value) => {
      this.by = value;
      show(value);
      this.show();
    });
    show(this.by);
    this.panel = panel("Calibration", {beside: [this._badge, group], rows: () => this._rows(),
      note: "On the diagonal a probability means what it says; a dot's size is its number of samples. ECE: the mean distance from it."}, host);
    this.plot = new Plot(host, {label: "predicted probability against the share that came true", x: {...SHARE(), name: "Predicted probability"},
      y: {...SHARE(), name: "Share of the class"}, height: 290, paint: () => this._paint()}).letWalk();
  }

  show() {
    const binned = this.page.report.calibration?.[this.by];
    this.panel.hidden = !binned;
    if (!binned) return;
    this._badge.textContent = `ECE ${valueOf("", binned.error)}`;
    this.plot.draw();
  }

  update() {}

  _paint() {
    const {plot, page} = this, binned = page.report.calibration?.[this.by];
    if (!binned) return;
    const most = Math.max(...binned.samples);
    plot.ground.append(plot.line([0, 1], [0, 1], {class: "chance"}), plot.line(binned.mean, binned.share, {class: "curve"}));
    for (const [i, samples] of binned.samples.entries()) {
      const isLast = i === binned.samples.length - 1;
      // A bin holds its upper end, a filter its lower one.
      const filter = {by: `score:${page.label}`, ...(i ? {low: binned.low[i] + 1e-12} : {}), ...(isLast ? {} : {high: binned.high[i] + 1e-12})};
      const isOfScores = page.evaluation.score_type === "probability"; // of logits a probability is no score
      const lines = [`${count(samples)} samples`, `predicted ${percent(binned.mean[i])}`, `came true ${percent(binned.share[i])}`];
      plot.ground.append(svg("circle", {class: `dot${isOfScores ? " pick" : ""}`, cx: plot.px(binned.mean[i]), cy: plot.py(binned.share[i]),
        r: 4 + 9 * Math.sqrt(samples / most), ...telling(page, lines, isOfScores ? filter : null)}));
    }
  }

  _rows() {
    const {low, high, samples, mean, share} = this.page.report.calibration[this.by];
    return [["from", "to", "samples", "mean probability", "share"], ...low.map((value, i) => [value, high[i], samples[i], mean[i], share[i]])];
  }
}
