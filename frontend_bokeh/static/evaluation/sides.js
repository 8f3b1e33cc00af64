// Several evaluations in one drawing each, on the same axes: curves, calibration, errors.

import {element} from "../page.js";
import {Plot, ends, svg} from "./draw.js";
import {panel} from "./panel.js";
import {valueOf} from "./words.js";

/** A drawing of one line for each evaluation; `of(side)`: {x, y, text} or null. */
class LinesPanel {
  constructor(page, {title, name = title, x, y, of, chance = null, isShare = true, dots = false}) {
    Object.assign(this, {page, of, chance, isShare, dots});
    const host = element("div");
    this._keys = element("ul", {class: "line-keys"});
    this.panel = panel(
      title,
      {
        name,
        rows: () => [
          ["evaluation", x, y],
          ...this._lines().flatMap(({side, line}) => Array.from(line.x, (value, i) => [side.title, value, line.y[i]])),
        ],
      },
      host,
      this._keys,
    );
    this.plot = new Plot(host, {
      label: `${title} of ${page.sides.length} evaluations`,
      height: 300,
      paint: () => this._paint(),
      x: {low: 0, high: 1, name: x},
      y: {low: 0, high: 1, name: y},
    });
  }

  _lines() {
    return this.page.sides.map((side) => ({side, line: this.of(side)})).filter(({line}) => line);
  }

  show() {
    const lines = this._lines();
    this.panel.hidden = !lines.length;
    if (!lines.length) return;
    this._keys.replaceChildren(...lines.map(({side, line}) => element("li", {}, side.sample(), side.letter, element("b", {}, line.text))));
    const range = (axis) => ends(lines.flatMap(({line}) => Array.from(line[axis])));
    this.plot.draw(this.isShare ? {} : {x: range("x"), y: range("y")});
  }

  _paint() {
    const {plot} = this;
    if (this.chance) plot.ground.append(plot.line(...this.chance(plot), {class: "chance"}));
    for (const {side, line} of this._lines()) {
      plot.ground.append(
        plot.line(line.x, line.y, {
          class: "side-line",
          style: `--side: var(--side-${side.number})`,
          "stroke-dasharray": side.number > 3 ? "6 3" : null,
        }),
      );
      if (this.dots)
        plot.ground.append(
          ...Array.from(line.x, (value, i) =>
            svg("circle", {
              class: "side-dot",
              style: `--side: var(--side-${side.number})`,
              cx: plot.px(value),
              cy: plot.py(line.y[i]),
              r: 4,
            }),
          ),
        );
    }
  }
}

const DIAGONAL = () => [
  [0, 1],
  [0, 1],
];

export const curvePanels = (page) => [
  new LinesPanel(page, {
    title: "ROC curves",
    name: "roc",
    x: "False positive rate",
    y: "True positive rate",
    chance: DIAGONAL,
    of: (side) => page.curveOf(side, "roc", "roc_auc", "AUC"),
  }),
  new LinesPanel(page, {
    title: "Precision and recall",
    name: "precision-recall",
    x: "Recall",
    y: "Precision",
    of: (side) => page.curveOf(side, "precision_recall", "average_precision", "AP"),
  }),
  new LinesPanel(page, {
    title: "Calibration",
    x: "Predicted probability",
    y: "Share of the class",
    chance: DIAGONAL,
    dots: true,
    of: ({report}) => {
      const binned = report.calibration?.width;
      const of = page.isOfMany ? ` · ${page.labels[report.label]}` : ""; // also where the curves are means of all classes
      return binned && {x: binned.mean, y: binned.share, text: `ECE ${valueOf("", binned.error)}${of}`};
    },
  }),
];

export const errorPanels = (page) => [
  new LinesPanel(page, {
    title: "Quantiles of the errors",
    name: "quantiles",
    x: "Share of the samples",
    y: "Predicted − true",
    isShare: false,
    chance: ({x}) => [
      [x.low, x.high],
      [0, 0],
    ],
    of: ({report}) => ({
      x: report.quantiles.map((_, i) => i / 100),
      y: report.quantiles,
      text: `median ${valueOf("", report.quantiles[50])}`,
    }),
  }),
  new LinesPanel(page, {
    title: "How many errors are how large",
    name: "errors",
    x: "Predicted − true",
    y: "Share of the samples",
    isShare: false,
    of: ({report}) => {
      const {counts, edges} = report.histogram,
        whole = counts.reduce((sum, one) => sum + one, 0);
      return {
        x: counts.map((_, i) => (edges[i] + edges[i + 1]) / 2),
        y: counts.map((one) => one / whole),
        text: `RMSE ${valueOf("", report.scores.rmse)}`,
      };
    },
  }),
  ...page.sides.map((side) => new PointsPanel(page, side)),
];

/** Predicted against true of one evaluation, on the axes of all. */
class PointsPanel {
  constructor(page, side) {
    Object.assign(this, {page, side});
    const host = element("div");
    this.panel = panel(
      `${side.letter}: predicted against true`,
      {rows: () => [["true", "predicted"], ...side.report.points.target.map((value, i) => [value, side.report.points.prediction[i]])]},
      host,
    );
    this.plot = new Plot(host, {
      label: `predicted against true of ${side.title}`,
      height: 300,
      x: {low: 0, high: 1, name: "True"},
      y: {low: 0, high: 1, name: "Predicted"},
      paint: () => this._paint(),
    });
  }

  show() {
    const range = ends(this.page.sides.flatMap(({report: {points}}) => [...points.target, ...points.prediction]));
    this.plot.draw({x: range, y: range});
  }

  _paint() {
    const {plot} = this,
      {target, prediction} = this.side.report.points;
    plot.ground.append(
      plot.line([plot.x.low, plot.x.high], [plot.x.low, plot.x.high], {class: "chance"}),
      ...target.map((value, i) =>
        svg("circle", {
          class: "side-point",
          style: `--side: var(--side-${this.side.number})`,
          cx: plot.px(value).toFixed(1),
          cy: plot.py(prediction[i]).toFixed(1),
          r: 3,
        }),
      ),
    );
  }
}
