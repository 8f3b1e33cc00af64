// What a regression is off by: how much how often, its quantiles, and by feature.

import {element} from "../page.js";
import {Plot, ends, short, svg, telling} from "./draw.js";
import {panel} from "./panel.js";
import {count, digits} from "./words.js";

/** How many errors are how large; a bar is clicked for its samples. */
export class ErrorsPanel {
  constructor(page) {
    this.page = page;
    const host = element("div");
    this.panel = panel("Errors", {note: "Click a bar for its samples.", rows: () => this._rows()}, host);
    this.plot = new Plot(host, {
      label: "histogram of the errors",
      x: {low: 0, high: 1, name: "Predicted − true"},
      y: {low: 0, high: 1, name: "Samples"},
      paint: () => this._paint(),
    }).letWalk();
  }

  show() {
    const {counts, edges} = this.page.report.histogram;
    this.plot.draw({x: {low: edges[0], high: edges.at(-1)}, y: {low: 0, high: Math.max(1, ...counts) * 1.05}});
  }

  update() {
    this.plot.draw();
  }

  _paint() {
    const {plot, page} = this,
      {counts, edges} = page.report.histogram;
    for (const [i, amount] of counts.entries()) {
      const isLast = i === counts.length - 1,
        filter = {by: "error", low: edges[i], ...(isLast ? {} : {high: edges[i + 1]})};
      const lines = [`${count(amount)} samples`, `error ${short(edges[i])} to ${short(edges[i + 1])}`];
      if (amount)
        plot.ground.append(
          plot.bar(edges[i], edges[i + 1], 0, amount, {
            class: `column pick one${page.isPicked(filter) ? " picked" : ""}`,
            ...telling(page, lines, filter),
          }),
        );
    }
    plot.ground.append(svg("line", {class: "zero", x1: plot.px(0), x2: plot.px(0), y1: 10, y2: plot.height - 36}));
  }

  _rows() {
    const {counts, edges} = this.page.report.histogram;
    return [["from", "to", "samples"], ...counts.map((amount, i) => [edges[i], edges[i + 1], amount])];
  }
}

/** Below which error what share of the samples lies. */
export class QuantilesPanel {
  constructor(page) {
    this.page = page;
    const host = element("div"),
      rows = () => [["share", "error"], ...page.report.quantiles.map((value, i) => [i / 100, value])];
    this.panel = panel("Quantiles of the errors", {name: "quantiles", rows}, host);
    this.plot = new Plot(host, {
      label: "quantiles of the errors",
      x: {low: 0, high: 1, name: "Share of the samples", text: (share) => `${Math.round(share * 100)}%`},
      y: {low: 0, high: 1, name: "Predicted − true"},
      paint: () => this._paint(),
    });
  }

  show() {
    this.plot.draw({y: ends(this.page.report.quantiles)});
  }

  update() {}

  _paint() {
    const {plot} = this,
      {quantiles} = this.page.report,
      median = quantiles[50];
    plot.ground.append(
      plot.line([0, 1], [0, 0], {class: "chance"}),
      plot.line(
        quantiles.map((_, i) => i / 100),
        quantiles,
        {class: "curve"},
      ),
      svg("circle", {class: "mark", cx: plot.px(0.5), cy: plot.py(median), r: 5}),
      svg("text", {class: "tick", x: plot.px(0.5) + 9, y: plot.py(median) + 16}, `median ${digits(median)}`),
    );
  }
}

/** Boxes of the errors along the target, the prediction or a feature. */
export class ErrorsByPanel {
  constructor(page) {
    this.page = page;
    const host = element("div");
    this._of = element("select", {"aria-label": "by what the errors are grouped", onchange: () => this.show()});
    this.panel = panel(
      "Errors by",
      {
        name: "errors-by",
        beside: [this._of],
        rows: () => this._rows(),
        note: "Each box has as many samples: its middle half, the line the median, the whiskers 5 and 95%. Click a box for its samples.",
      },
      host,
    );
    this.plot = new Plot(host, {
      label: "boxes of errors",
      x: {low: 0, high: 1, name: ""},
      y: {low: 0, high: 1, name: "Predicted − true"},
      paint: () => this._paint(),
    }).letWalk();
  }

  get _boxes() {
    return this.page.report.errors_by[this._of.value] ?? [];
  }

  show() {
    const names = Object.keys(this.page.report.errors_by),
      chosen = this._of.value || names[2] || names[0];
    this._of.replaceChildren(...names.map((name) => element("option", {value: name}, name)));
    this._of.value = names.includes(chosen) ? chosen : names[0];
    const boxes = this._boxes,
      low = boxes[0]?.low ?? 0,
      high = boxes.at(-1)?.high ?? 1;
    this.plot.draw({
      x: {low, high, name: this._of.value},
      y: ends(
        boxes.flatMap((box) => [box.quantiles[0], box.quantiles[4], 0]),
        0.06,
      ),
    });
  }

  update() {
    this.plot.draw();
  }

  _paint() {
    const {plot, page} = this,
      boxes = this._boxes;
    plot.ground.append(plot.line([plot.x.low, plot.x.high], [0, 0], {class: "chance"}));
    for (const [i, {low, high, samples, quantiles}] of boxes.entries()) {
      const end = boxes[i + 1]?.low ?? high,
        middle = plot.px((low + end) / 2),
        filter = this._filter(low, boxes[i + 1]?.low);
      const width = Math.max(3, Math.min(28, plot.px(end) - plot.px(low) - 3)),
        [p5, p25, p50, p75, p95] = quantiles.map((value) => plot.py(value));
      const lines = [
        `${count(samples)} samples`,
        `${this._of.value} ${short(low)} to ${short(high)}`,
        `median error ${digits(quantiles[2])}`,
      ];
      plot.ground.append(
        svg(
          "g",
          {class: `box pick${page.isPicked(filter) ? " picked" : ""}`, ...telling(page, lines, filter)},
          svg("line", {x1: middle, x2: middle, y1: p5, y2: p95}),
          svg("rect", {x: middle - width / 2, width, y: p75, height: Math.max(1, p25 - p75)}),
          svg("line", {class: "median", x1: middle - width / 2, x2: middle + width / 2, y1: p50, y2: p50}),
        ),
      );
    }
  }

  _filter(low, high) {
    const name = this._of.value,
      by = name === "target" || name === "prediction" ? name : `feature:${name}`;
    return {by, low, ...(high === undefined ? {} : {high})};
  }

  _rows() {
    return [
      ["from", "to", "samples", "5%", "25%", "50%", "75%", "95%"],
      ...this._boxes.map((box) => [box.low, box.high, box.samples, ...box.quantiles]),
    ];
  }
}
