// Whether probabilities are right: how many of the samples with one are of the class.

import {element, radiogroup} from "../page.js";
import {Plot, svg, telling} from "./draw.js";
import {choices, panel} from "./panel.js";
import {count, percent, valueOf} from "./words.js";

export class CalibrationPanel {
  constructor(page) {
    this.page = page;
    this.by = "width";
    const host = element("div"),
      group = choices("bins", {width: "Equal width", count: "Equal count"});
    this._badge = element("span", {class: "area"});
    const show = radiogroup(group, (value) => {
      this.by = value;
      show(value);
      this.show();
    });
    show(this.by);
    this.panel = panel(
      "Calibration",
      {
        beside: [this._badge, group],
        rows: () => this._rows(),
        note: "On the diagonal a probability means what it says; a dot's size is its number of samples. ECE: the mean distance from it.",
      },
      host,
    );
    this.plot = new Plot(host, {
      label: "predicted probability against the share that came true",
      x: {low: 0, high: 1, name: "Predicted probability"},
      y: {low: 0, high: 1, name: "Share of the class"},
      height: 290,
      paint: () => this._paint(),
    }).letWalk();
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
    const {plot, page} = this,
      binned = page.report.calibration?.[this.by];
    if (!binned) return;
    const most = Math.max(...binned.samples);
    plot.ground.append(plot.line([0, 1], [0, 1], {class: "chance"}), plot.line(binned.mean, binned.share, {class: "curve"}));
    for (const [i, samples] of binned.samples.entries()) {
      const isLast = i === binned.samples.length - 1;
      // A bin holds its upper end, a filter its lower one.
      const filter = {
        by: `score:${page.label}`,
        ...(i ? {low: binned.low[i] + 1e-12} : {}),
        ...(isLast ? {} : {high: binned.high[i] + 1e-12}),
      };
      const isOfScores = page.evaluation.score_type === "probability"; // of logits a probability is no score
      const lines = [`${count(samples)} samples`, `predicted ${percent(binned.mean[i])}`, `came true ${percent(binned.share[i])}`];
      plot.ground.append(
        svg("circle", {
          class: `dot${isOfScores ? " pick" : ""}`,
          cx: plot.px(binned.mean[i]),
          cy: plot.py(binned.share[i]),
          r: 4 + 9 * Math.sqrt(samples / most),
          ...telling(page, lines, isOfScores ? filter : null),
        }),
      );
    }
  }

  _rows() {
    const {low, high, samples, mean, share} = this.page.report.calibration[this.by];
    return [
      ["from", "to", "samples", "mean probability", "share"],
      ...low.map((value, i) => [value, high[i], samples[i], mean[i], share[i]]),
    ];
  }
}
