// Scores: the tiles on top, the table of classes, the table of slices.

import {element, icon} from "../page.js";
import {svg} from "./draw.js";
import {panel} from "./panel.js";
import {HEADLINES, count, meaningOf, nameOf, valueOf} from "./words.js";

/** The headline scores with their intervals, and all others behind a summary. */
export class Tiles {
  constructor(page) {
    this.page = page;
    this.host = element("section", {class: "tiles", "aria-label": "scores"});
    this.others = element("dl");
    this.more = element("details", {class: "panel box more-scores"}, element("summary", {}, icon("chevron"), "All scores and how their intervals were made"), this.others,
      this._how = element("p", {class: "quiet note"}));
  }

  show() {
    const {report: {scores}, intervals, evaluation: {task}} = this.page;
    const first = HEADLINES[task].filter((name) => scores[name] !== undefined && scores[name] !== null);
    this.host.replaceChildren(...first.map((name) => this._tile(name, scores[name], intervals?.[name])));
    this.others.replaceChildren(...Object.entries(scores).flatMap(([name, value]) => [
      element("dt", {title: meaningOf(name)}, nameOf(name)), element("dd", {}, valueOf(name, value), element("span", {class: "quiet"}, between(name, intervals?.[name])))]));
    const one = Object.values(intervals ?? {})[0];
    this._how.textContent = one ? `In brackets and below the tiles: ${one.level * 100}% bootstrap intervals. From the samples ${count(one.repeats)} sets of the same size are drawn with replacement (always from the same seed), `
      + `and the score is worked out for each: ${one.level * 100}% of them lie inside. They say what the score might have been on another such set, not what another training might give.` : "Intervals are being worked out…";
  }

  _tile(name, value, interval) {
    return element("div", {class: "panel tile", title: meaningOf(name), "data-score": name}, element("span", {}, nameOf(name)), element("b", {}, valueOf(name, value)),
      element("small", {}, interval ? `${valueOf(name, interval.low)} … ${valueOf(name, interval.high)}` : this.page.intervals ? "no interval" : "…"));
  }
}

function between(name, interval) {
  return interval && interval.low !== null ? ` (${valueOf(name, interval.low)} … ${valueOf(name, interval.high)})` : "";
}

/** The scores of each class or label; a row chooses the class whose curves are shown. */
export class ClassesPanel {
  constructor(page) {
    this.page = page;
    this.by = ["f", 1];
    this._head = element("tr");
    this._body = element("tbody");
    this.panel = panel("Per class", {wide: true, name: "classes", rows: () => [this._names().map(([name]) => name), ...page.report.classes.map((row) => this._names().map(([name]) => row[name]))]},
      element("div", {class: "scroll tall-list", tabindex: 0, role: "region", "aria-label": "scores of each class"}, element("table", {class: "list"}, element("thead", {}, this._head), this._body)));
  }

  _names() {
    const names = {label: "Class", support: "Samples", predicted: "Predicted", precision: "Precision", recall: "Recall", f: "F1", roc_auc: "ROC AUC", average_precision: "AP"};
    return Object.entries(names).filter(([name]) => this.page.report.classes.some((row) => row[name] !== null && row[name] !== undefined));
  }

  show() {
    const [by, way] = this.by, names = this._names();
    this._head.replaceChildren(...names.map(([name, text]) => element("th", {class: name === "label" ? "" : "figure", scope: "col", "aria-sort": name === by ? (way > 0 ? "ascending" : "descending") : "none"},
      element("button", {class: "plain", onclick: () => this._sort(name)}, text))));
    const rows = this.page.report.classes.map((row, number) => ({row, number}))
      .sort((a, b) => way * (typeof a.row[by] === "string" ? a.row[by].localeCompare(b.row[by]) : (a.row[by] ?? -1) - (b.row[by] ?? -1)));
    this._body.replaceChildren(...rows.map(({row, number}) => element("tr", {"aria-current": number === this.page.label ? "true" : null, class: "chooses", onclick: () => this.page.choice.set({label: number})},
      ...names.map(([name]) => (name === "label" ? element("th", {scope: "row"}, element("button", {class: "plain"}, row.label))
        : element("td", {class: "figure"}, ...(name === "support" || name === "predicted" ? [count(row[name])] : [bar(row[name]), valueOf(name, row[name])])))))));
  }

  _sort(name) {
    this.by = [name, this.by[0] === name ? -this.by[1] : 1];
    this.show();
  }
}

const bar = (share) => element("i", {class: "bar-in", style: `--share: ${Math.max(0, share ?? 0)}`});

/** The scores of groups of samples; a row chooses its samples, and of chosen samples each row tells how many are its. */
export class SlicesPanel {
  constructor(page) {
    this.page = page;
    this._body = element("tbody");
    this._head = element("tr");
    this._note = element("p", {class: "quiet note"});
    this.panel = panel("Slices", {wide: true, rows: () => this._rows()},
      element("div", {class: "scroll tall-list", tabindex: 0, role: "region", "aria-label": "scores of slices"}, element("table", {class: "list"}, element("thead", {}, this._head), this._body)), this._note);
  }

  get _scores() {
    const wanted = HEADLINES[this.page.evaluation.task], slices = this.page.slices ?? [];
    return wanted.filter((name) => slices.some((row) => row.scores[name] !== null && row.scores[name] !== undefined)).slice(0, 3);
  }

  show() {
    const {slices, evaluation} = this.page;
    this.panel.hidden = !evaluation.slices.length;
    if (!slices) {
      this._note.textContent = "being worked out…";
      return;
    }
    const isChosen = this.page.chosen !== null, names = this._scores;
    this._note.textContent = "The dot is the score, the line its 95% bootstrap interval: of two groups whose lines lie apart the difference is hardly chance. Click a group for its samples."
      + (slices.length > 20 ? ` ${slices.length} groups: expect one in twenty to stand apart by chance.` : "");
    this._head.replaceChildren(...["Slice", "Group"].map((text) => element("th", {scope: "col"}, text)), element("th", {class: "figure", scope: "col"}, "Samples"),
      ...(isChosen ? [element("th", {class: "figure", scope: "col"}, "Chosen")] : []), ...names.map((name) => element("th", {scope: "col"}, nameOf(name))));
    const limits = Object.fromEntries(names.map((name) => [name, spread(slices, name)]));
    this._body.replaceChildren(...slices.map((row) => this._row(row, names, limits, isChosen)));
  }

  _row(row, names, limits, isChosen) {
    const filter = {slice_name: row.slice, slice_value: row.value}, chosen = this.page.chosen?.find((one) => one.slice === row.slice && one.value === row.value)?.samples ?? 0;
    return element("tr", {class: "chooses", "aria-current": this.page.isPicked(filter) ? "true" : null, onclick: () => this.page.choice.pick(filter)},
      element("td", {class: "quiet"}, row.slice), element("th", {scope: "row"}, element("button", {class: "plain"}, row.value || "(empty)")),
      element("td", {class: "figure"}, count(row.samples)), ...(isChosen ? [element("td", {class: "figure"}, count(chosen))] : []),
      ...names.map((name) => element("td", {}, element("span", {class: "with-interval"}, interval(row.scores[name], row.intervals[name], limits[name]), valueOf(name, row.scores[name])))));
  }

  _rows() {
    const names = this._scores;
    return [["slice", "group", "samples", ...names.flatMap((name) => [name, `${name} low`, `${name} high`])],
      ...(this.page.slices ?? []).map((row) => [row.slice, row.value, row.samples, ...names.flatMap((name) => [row.scores[name], row.intervals[name]?.low, row.intervals[name]?.high])])];
  }
}

function spread(slices, name) {
  const values = slices.flatMap((row) => [row.scores[name], row.intervals[name]?.low, row.intervals[name]?.high]).filter((value) => Number.isFinite(value));
  return values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
}

/** A score as a dot on its interval, between the limits of its column. */
export function interval(value, found, [low, high], width = 120) {
  const x = (number) => 5 + ((number - low) / (high - low || 1)) * (width - 10);
  const isKnown = Number.isFinite(value);
  return svg("svg", {class: "interval", width, height: 14, "aria-hidden": "true"},
    ...(found && Number.isFinite(found.low) ? [svg("line", {x1: x(found.low), x2: x(found.high), y1: 7, y2: 7})] : []),
    ...(isKnown ? [svg("circle", {cx: x(value), cy: 7, r: 4})] : []),
    ...(low < 0 && high > 0 ? [svg("line", {class: "nothing", x1: x(0), x2: x(0), y1: 0, y2: 14})] : []));
}
