// One class against the rest: a threshold is drawn along, and the counts, scores and costs follow at once.

import {element} from "../page.js";
import {Matrix} from "./matrix.js";
import {panel} from "./panel.js";
import {cost, f1, scoresOf} from "./sweep.js";
import {count, nameOf, numeral, percent, valueOf} from "./words.js";

const STEPS = 1000; // of the slider
const PRICES = {alarm: "a false alarm", miss: "a miss", hit: "a hit", rest: "a right no"};

export class ThresholdPanel {
  constructor(page) {
    this.page = page;
    this.prices = {hit: 0, alarm: 1, miss: 1, rest: 0};
    const {choice, tip} = page;
    this._slider = element("input", {
      type: "range",
      min: 0,
      max: STEPS,
      id: "threshold",
      oninput: () => choice.set({threshold: this._slid()}),
    });
    this._shown = element("output", {for: "threshold"});
    const jumps = {
      "Best F1": () => this._jump(f1),
      Cheapest: () => this._jump((counts) => -cost(counts, this.prices)),
      Usual: () => choice.set({threshold: page.usual()}),
    };
    this._host = element("div");
    this.matrix = new Matrix(this._host, {
      label: "counts at the threshold",
      tip,
      size: 62,
      onpick: (row, column) => this._pick(row, column),
      tell: (row, column) => this._tell(row, column),
    });
    this._scores = element("dl", {class: "at-threshold"});
    this._cost = element("b");
    this.panel = panel(
      "Threshold",
      {
        name: "threshold",
        rows: () => this._rows(),
        note: "A sample is predicted positive where its score is at least the threshold. Drag it here, in the histogram or on the curves.",
      },
      element("div", {class: "slide"}, element("label", {for: "threshold"}, "Threshold"), this._slider, this._shown),
      element("div", {class: "jumps"}, ...Object.entries(jumps).map(([text, onclick]) => element("button", {onclick}, text))),
      this._host,
      this._scores,
      element(
        "fieldset",
        {class: "prices"},
        element("legend", {}, "What each costs"),
        ...this._fields(),
        element("p", {}, "Mean cost of a sample: ", this._cost),
      ),
    );
  }

  /** Draw for another class or evaluation. */
  show() {
    this.panel.querySelector("h2").textContent = this.page.hasManyClasses ? `${this.page.labelName} against the rest` : "Threshold";
    this.update();
  }

  /** Draw for another threshold. */
  update() {
    const {sweep, place, threshold} = this.page;
    this._shown.textContent = numeral(threshold);
    this._slider.value = Math.round(((threshold - this.page.low) / (this.page.high - this.page.low || 1)) * STEPS);
    this._slider.setAttribute("aria-valuetext", `threshold ${numeral(threshold)}`);
    const counts = sweep.counts(place),
      {labelName: name} = this.page,
      no = this.page.restName;
    const cell = (kind, text) => ({text: count(counts[kind]), under: text, kind: kind === "hit" || kind === "rest" ? "right" : "wrong"});
    this.matrix.draw({
      rows: [name, no],
      columns: [name, no],
      cells: [
        [cell("hit", "TP"), cell("miss", "FN")],
        [cell("alarm", "FP"), cell("rest", "TN")],
      ],
      picked: (row, column) => this.page.isPicked(this._filter(row, column)),
    });
    this._scores.replaceChildren(
      ...Object.entries(scoresOf(counts)).map(([score, value]) =>
        element(
          "div",
          {},
          element("dt", {}, nameOf(score)),
          element("dd", {}, score === "accuracy" || score === "balanced_accuracy" ? percent(value) : valueOf(score, value)),
        ),
      ),
    );
    this._cost.textContent = valueOf("cost", cost(counts, this.prices));
  }

  showPicked() {
    this.update();
  }

  _slid() {
    const {low, high} = this.page;
    return low + (this._slider.value / STEPS) * (high - low);
  }

  _jump(value) {
    const {sweep, choice} = this.page;
    choice.set({threshold: sweep.threshold[Math.max(1, sweep.best(value))]});
  }

  _fields() {
    return Object.entries(PRICES).map(([kind, text]) =>
      element(
        "label",
        {},
        text,
        element("input", {
          type: "number",
          step: "any",
          value: this.prices[kind],
          oninput: ({target}) => {
            this.prices[kind] = Number(target.value) || 0;
            this.update();
            this.onprices?.();
          },
        }),
      ),
    );
  }

  _filter(row, column) {
    const {label, threshold} = this.page;
    return {target: row ? -1 - label : label, by: `score:${label}`, ...(column ? {high: threshold} : {low: threshold})};
  }

  _pick(row, column) {
    this.page.choice.pick(this._filter(row, column));
  }

  _tell(row, column) {
    const {sweep, place, labelName: name, restName: no} = this.page,
      counts = sweep.counts(place);
    const kind = [
        ["hit", "miss"],
        ["alarm", "rest"],
      ][row][column],
      names = [name, no];
    const ofRow = row ? counts.alarm + counts.rest : counts.hit + counts.miss;
    return [
      `true ${names[row]}, predicted ${names[column]}`,
      `${count(counts[kind])} samples: ${percent(counts[kind] / ofRow)} of true ${names[row]}`,
    ];
  }

  _rows() {
    const {sweep} = this.page;
    const rows = Array.from({length: sweep.size}, (_, place) => {
      const counts = sweep.counts(place),
        scores = scoresOf(counts);
      return [
        Number.isFinite(sweep.threshold[place]) ? sweep.threshold[place] : "none is positive",
        ...Object.values(counts),
        ...Object.values(scores),
        cost(counts, this.prices),
      ];
    });
    return [["threshold", "TP", "FP", "FN", "TN", ...Object.keys(scoresOf(sweep.counts(0))), "cost"], ...rows];
  }
}
