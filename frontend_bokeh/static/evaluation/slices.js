// The scores of groups of samples; a row chooses its samples, and of chosen samples each row tells how many are its.

import {element} from "../page.js";
import {svg} from "./draw.js";
import {panel} from "./panel.js";
import {HEADLINES, count, nameOf, valueOf} from "./words.js";

export class SlicesPanel {
  constructor(page) {
    this.page = page;
    this._body = element("tbody");
    this._head = element("tr");
    this._note = element("p", {class: "quiet note"});
    this.panel = panel(
      "Slices",
      {wide: true, rows: () => this._rows()},
      element(
        "div",
        {class: "scroll tall-list", tabindex: 0, role: "region", "aria-label": "scores of slices"},
        element("table", {class: "list"}, element("thead", {}, this._head), this._body),
      ),
      this._note,
    );
  }

  get _scores() {
    const wanted = HEADLINES[this.page.evaluation.task],
      slices = this.page.slices ?? [];
    return wanted.filter((name) => slices.some((row) => row.scores[name] !== null && row.scores[name] !== undefined)).slice(0, 3);
  }

  show() {
    const {slices, evaluation} = this.page;
    this.panel.hidden = !evaluation.slices.length;
    if (!slices) {
      this._note.textContent = "being worked out…";
      return;
    }
    const isChosen = this.page.chosen !== null,
      names = this._scores;
    this._note.textContent =
      "The dot is the score, the line its 95% bootstrap interval: of two groups whose lines lie apart the difference is hardly " +
      "chance. Click a group for its samples." +
      (slices.length > 20 ? ` ${slices.length} groups: expect one in twenty to stand apart by chance.` : "");
    this._head.replaceChildren(
      ...["Slice", "Group"].map((text) => element("th", {scope: "col"}, text)),
      element("th", {class: "figure", scope: "col"}, "Samples"),
      ...(isChosen ? [element("th", {class: "figure", scope: "col"}, "Chosen")] : []),
      ...names.map((name) => element("th", {scope: "col"}, nameOf(name))),
    );
    const limits = Object.fromEntries(names.map((name) => [name, spread(slices, name)]));
    this._body.replaceChildren(...slices.map((row) => this._row(row, names, limits, isChosen)));
  }

  _row(row, names, limits, isChosen) {
    const filter = {slice_name: row.slice, slice_value: row.value},
      chosen = this.page.chosen?.find((one) => one.slice === row.slice && one.value === row.value)?.samples ?? 0;
    return element(
      "tr",
      {class: "chooses", "aria-current": this.page.isPicked(filter) ? "true" : null, onclick: () => this.page.choice.pick(filter)},
      element("td", {class: "quiet"}, row.slice),
      element("th", {scope: "row"}, element("button", {class: "plain"}, row.value || "(empty)")),
      element("td", {class: "figure"}, count(row.samples)),
      ...(isChosen ? [element("td", {class: "figure"}, count(chosen))] : []),
      ...names.map((name) =>
        element(
          "td",
          {},
          element(
            "span",
            {class: "with-interval"},
            interval(row.scores[name], row.intervals[name], limits[name]),
            valueOf(name, row.scores[name]),
          ),
        ),
      ),
    );
  }

  _rows() {
    const names = this._scores;
    return [
      ["slice", "group", "samples", ...names.flatMap((name) => [name, `${name} low`, `${name} high`])],
      ...(this.page.slices ?? []).map((row) => [
        row.slice,
        row.value,
        row.samples,
        ...names.flatMap((name) => [row.scores[name], row.intervals[name]?.low, row.intervals[name]?.high]),
      ]),
    ];
  }
}

function spread(slices, name) {
  const values = slices
    .flatMap((row) => [row.scores[name], row.intervals[name]?.low, row.intervals[name]?.high])
    .filter((value) => Number.isFinite(value));
  return values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
}

/** A score as a dot on its interval, between the limits of its column. */
export function interval(value, found, [low, high], width = 120) {
  const x = (number) => 5 + ((number - low) / (high - low || 1)) * (width - 10);
  const isKnown = Number.isFinite(value);
  return svg(
    "svg",
    {class: "interval", width, height: 14, "aria-hidden": "true"},
    ...(found && Number.isFinite(found.low) ? [svg("line", {x1: x(found.low), x2: x(found.high), y1: 7, y2: 7})] : []),
    ...(isKnown ? [svg("circle", {cx: x(value), cy: 7, r: 4})] : []),
    ...(low < 0 && high > 0 ? [svg("line", {class: "nothing", x1: x(0), x2: x(0), y1: 0, y2: 14})] : []),
  );
}
