// What a regression predicted of each sample: against the true value, and by how much it is off.

import {element} from "../page.js";
import {Plot, ends, svg} from "./draw.js";
import {panel} from "./panel.js";
import {digits} from "./words.js";

/** A point each sample; `of(target, prediction)`: where it stands. */
class PointsPanel {
  constructor(page, {title, name, x, y, of, rule}) {
    Object.assign(this, {page, of, rule});
    const host = element("div");
    this.panel = panel(
      title,
      {name, rows: () => [["sample", x, y], ...this._points().map(([a, b], i) => [page.report.points.sample_no[i], a, b])]},
      host,
    );
    this.plot = new Plot(host, {
      label: `${title}; the samples are in the table below`,
      x: {low: 0, high: 1, name: x},
      y: {low: 0, high: 1, name: y},
      height: 320,
      paint: () => this._paint(),
    });
  }

  _points() {
    const {target, prediction} = this.page.report.points;
    return target.map((value, i) => this.of(value, prediction[i]));
  }

  show() {
    const points = this._points(),
      [x, y] = [0, 1].map((axis) => ends(points.map((point) => point[axis])));
    if (this.rule === "diagonal") {
      const [low, high] = [Math.min(x.low, y.low), Math.max(x.high, y.high)];
      this.plot.draw({x: {low, high}, y: {low, high}});
    } else this.plot.draw({x, y});
  }

  update() {
    this.plot.draw();
  }

  _paint() {
    const {plot, page} = this,
      {sample_no: numbers, target, prediction} = page.report.points,
      {low, high} = plot.x;
    plot.ground.append(plot.line([low, high], this.rule === "diagonal" ? [low, high] : [0, 0], {class: "chance"}));
    const chosen = page.chosenNumbers();
    const dots = this._points().map(([x, y], i) =>
      svg("circle", {
        class: `point${chosen && !chosen.has(numbers[i]) ? " off" : ""}`,
        cx: plot.px(x).toFixed(1),
        cy: plot.py(y).toFixed(1),
        r: 3,
        "data-place": i,
      }),
    );
    const group = svg(
      "g",
      {
        onpointerleave: () => page.tip.hide(),
        onpointermove: (event) => {
          const i = event.target.dataset.place;
          if (i !== undefined)
            page.tip.show(event, [
              page.nameOfSample(numbers[i]),
              `true ${digits(target[i])}`,
              `predicted ${digits(prediction[i])}`,
              `error ${digits(prediction[i] - target[i])}`,
            ]);
        },
      },
      ...dots,
    );
    plot.ground.append(group);
  }
}

export const predictedPanel = (page) =>
  new PointsPanel(page, {
    title: "Predicted against true",
    name: "predicted",
    x: "True",
    y: "Predicted",
    of: (a, b) => [a, b],
    rule: "diagonal",
  });
export const residualPanel = (page) =>
  new PointsPanel(page, {
    title: "Residuals",
    name: "residuals",
    x: "Predicted",
    y: "Predicted − true",
    of: (a, b) => [b, b - a],
    rule: "zero",
  });
