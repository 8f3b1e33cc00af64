// The scores of all samples: the headlines with their intervals, and all others behind a summary.

import {element, icon} from "../page.js";
import {HEADLINES, count, meaningOf, nameOf, valueOf} from "./words.js";

export class Tiles {
  constructor(page) {
    this.page = page;
    this.host = element("section", {class: "tiles", "aria-label": "scores"});
    this.others = element("dl");
    this.more = element(
      "details",
      {class: "panel box more-scores"},
      element("summary", {}, icon("chevron"), "All scores and how their intervals were made"),
      this.others,
      (this._how = element("p", {class: "quiet note"})),
    );
  }

  show() {
    const {
      report: {scores},
      intervals,
      evaluation: {task},
    } = this.page;
    const first = HEADLINES[task].filter((name) => scores[name] !== undefined && scores[name] !== null);
    this.host.replaceChildren(...first.map((name) => this._tile(name, scores[name], intervals?.[name])));
    this.others.replaceChildren(
      ...Object.entries(scores).flatMap(([name, value]) => [
        element("dt", {title: meaningOf(name)}, nameOf(name)),
        element("dd", {}, valueOf(name, value), element("span", {class: "quiet"}, between(name, intervals?.[name]))),
      ]),
    );
    const one = Object.values(intervals ?? {})[0];
    this._how.textContent = one
      ? `In brackets and below the tiles: ${one.level * 100}% bootstrap intervals. From the samples ${count(one.repeats)} sets ` +
        `of the same size are drawn with replacement (always from the same seed), ` +
        `and the score is worked out for each: ${one.level * 100}% of them lie inside. They say what the score might have been ` +
        `on another such set, not what another training might give.`
      : "Intervals are being worked out…";
  }

  _tile(name, value, interval) {
    return element(
      "div",
      {class: "panel tile", title: meaningOf(name), "data-score": name},
      element("span", {}, nameOf(name)),
      element("b", {}, valueOf(name, value)),
      element(
        "small",
        {},
        interval ? `${valueOf(name, interval.low)} … ${valueOf(name, interval.high)}` : this.page.intervals ? "no interval" : "…",
      ),
    );
  }
}

function between(name, interval) {
  return interval && interval.low !== null ? ` (${valueOf(name, interval.low)} … ${valueOf(name, interval.high)})` : "";
}
