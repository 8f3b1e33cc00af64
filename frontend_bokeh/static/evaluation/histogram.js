// The scores of a class's samples and of the rest: bars are clicked, the threshold is drawn along.

import {element} from "../page.js";
import {Plot, svg, telling} from "./draw.js";
import {panel} from "./panel.js";
import {count, numeral} from "./words.js";

export class HistogramPanel {
  constructor(page) {
    this.page = page;
    const host = element("div");
    this._names = element("span", {class: "keys"});
    this.panel = panel(
      "Scores by true class",
      {
        name: "scores",
        beside: [this._names],
        rows: () => this._rows(),
        note:
          "Click a bar for its samples; drag the line, or beside it, to move the threshold. Heights grow with the square " +
          "root, so that few samples among many are seen.",
      },
      host,
    );
    this.plot = new Plot(host, {
      label: "histogram of the scores, of the class upwards and of the rest downwards",
      x: {low: 0, high: 1, name: "Score"},
      y: {low: -1, high: 1, name: "Samples", text: (root) => count(Math.round(root ** 2))},
      height: 290,
      paint: () => this._paint(),
      ondrag: (x) => page.choice.set({threshold: x}),
    }).letWalk();
  }

  show() {
    const {edges, label, rest} = this.page.report.histogram,
      {labelName, restName} = this.page;
    this._names.replaceChildren(element("i", {class: "swatch one"}), labelName, element("i", {class: "swatch other"}), restName);
    const [up, down] = [label, rest].map((amounts) => Math.sqrt(Math.max(1, ...amounts)));
    const places = roots(Math.max(up, down) ** 2)
      .flatMap((root) => [root, -root])
      .filter((root) => root <= up && -root <= down);
    this.plot.draw({x: {low: edges[0], high: edges.at(-1)}, y: {low: -1.06 * down, high: 1.06 * up, ticks: places}});
  }

  showPicked() {
    this.plot.draw();
  }

  _paint() {
    const {plot, page} = this,
      {edges, label, rest} = page.report.histogram;
    for (let i = 0; i < label.length; i++) {
      for (const [amount, kind] of [
        [label[i], "one"],
        [-rest[i], "other"],
      ]) {
        if (!amount) continue;
        const filter = this._filter(i, kind),
          isPicked = page.isPicked(filter);
        const lines = [
          kind === "one" ? page.labelName : page.restName,
          `${count(Math.abs(amount))} samples`,
          `score ${numeral(edges[i])} to ${numeral(edges[i + 1])}`,
        ];
        plot.ground.append(
          plot.bar(edges[i], edges[i + 1], 0, Math.sign(amount) * Math.sqrt(Math.abs(amount)), {
            class: `column pick ${kind}${isPicked ? " picked" : ""}`,
            ...telling(page, lines, filter),
          }),
        );
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
    const {
        label,
        report: {
          histogram: {edges},
        },
      } = this.page,
      isLast = bin === edges.length - 2;
    return {target: kind === "one" ? label : -1 - label, by: `score:${label}`, low: edges[bin], ...(isLast ? {} : {high: edges[bin + 1]})};
  }

  _rows() {
    const {edges, label, rest} = this.page.report.histogram;
    return [
      ["from", "to", this.page.labelName, this.page.restName],
      ...label.map((amount, i) => [edges[i], edges[i + 1], amount, rest[i]]),
    ];
  }
}

/** Places of round counts on an axis of square roots, with room between them. */
function roots(most) {
  const round = [0, 1, 2, 3, 4, 5, 6].flatMap((power) => [1, 2, 5].map((times) => times * 10 ** power)).filter((amount) => amount <= most);
  return round
    .reverse()
    .reduce(
      (kept, amount) => (kept.length && kept.at(-1) - Math.sqrt(amount) < 0.2 * Math.sqrt(most) ? kept : [...kept, Math.sqrt(amount)]),
      [],
    );
}
