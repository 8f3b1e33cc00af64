// What every threshold of a class costs, with the cheapest marked.

import {element} from "../page.js";
import {Plot, ends, svg} from "./draw.js";
import {panel} from "./panel.js";
import {cost} from "./sweep.js";
import {numeral} from "./words.js";

export class CostPanel {
  constructor(page, thresholds) {
    Object.assign(this, {page, thresholds});
    const host = element("div");
    this.panel = panel(
      "Cost by threshold",
      {name: "cost", rows: () => [["threshold", "cost"], ...this._points().map(([x, y]) => [x, y])]},
      host,
    );
    this.plot = new Plot(host, {
      label: "mean cost of a sample at each threshold",
      x: {low: 0, high: 1, name: "Threshold"},
      y: {low: 0, high: 1, name: "Cost of a sample"},
      height: 200,
      paint: () => this._paint(),
      ondrag: (x) => page.choice.set({threshold: x}),
    });
    thresholds.onprices = () => this.show();
    thresholds.panel.append(this.panel);
  }

  _points() {
    const {sweep} = this.page;
    return Array.from({length: sweep.size}, (_, place) => [
      sweep.threshold[place],
      cost(sweep.counts(place), this.thresholds.prices),
    ]).filter(([x]) => Number.isFinite(x));
  }

  show() {
    const points = this._points();
    if (!points.length) return;
    const {low, high} = ends(
      points.map(([, y]) => y),
      0.08,
    );
    this.plot.draw({x: {low: this.page.low, high: this.page.high}, y: {low: Math.min(0, low), high}});
  }

  _paint() {
    const points = this._points();
    if (!points.length) return;
    const {plot} = this,
      best = points.reduce((least, point) => (point[1] < least[1] ? point : least));
    plot.ground.append(
      plot.line(
        points.map(([x]) => x),
        points.map(([, y]) => y),
        {class: "curve"},
      ),
      svg("circle", {class: "best", cx: plot.px(best[0]), cy: plot.py(best[1]), r: 4}),
    );
    this._name = svg(
      "text",
      {
        class: "tick over",
        x: plot.px(best[0]),
        y: plot.py(best[1]) - 12,
        "text-anchor": plot.px(best[0]) > plot.width / 2 ? "end" : "start",
      },
      `cheapest at ${numeral(best[0])}`,
    );
    this.update();
  }

  update() {
    if (!this.plot.width || !this._points().length) return;
    const {page, plot} = this,
      x = plot.px(page.threshold);
    plot.marks.replaceChildren(
      svg("line", {class: "rule", x1: x, x2: x, y1: 10, y2: plot.height - 36}),
      this._name,
      svg("circle", {class: "mark", cx: x, cy: plot.py(cost(page.sweep.counts(page.place), this.thresholds.prices)), r: 5}),
    );
  }
}
