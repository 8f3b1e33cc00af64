// How busy a run's machine was: charts with one x axis, the time since the run began, zoomed and pointed at together.

import {dressX, duration} from "./axes.js";
import {INK, PALETTE} from "./charts.js";
import {embed} from "./embed.js";
import {element, number, placeAt, theme} from "./page.js";
import {nearest} from "./series.js";

const LIVE_MS = 2000, IDLE_MS = 10_000;
const $ = (selector) => document.querySelector(selector);
const given = JSON.parse($("#given").textContent);
const charts = new Map();
let zoom = null, timer = 0, isAsking = false;
window.prevue = {charts}; // for tests and the console

class Chart {
  constructor(title) {
    this._plotted = element("div", {class: "body"});
    this._legend = element("ul", {class: "legend"});
    this._unit = element("span", {class: "quiet"});
    this.host = element("article", {class: "result short", "aria-label": title},
      element("header", {}, element("h3", {}, title), this._unit), this._plotted, this._legend);
  }

  async build() {
    this._drawn = await embed(given.spec, this._plotted);
    const get = (name) => this._drawn.document.get_model_by_name(name);
    this.plot = get("plot");
    this.plot.setv({height: null, sizing_mode: "stretch_both"});
    [this._lines, this._bands, this._cursor, this._x, this._y] = ["lines", "bands", "cursor", "x_axis", "y_axis"].map(get);
    dressX(this.plot, this._x, "relative", false);
    this.plot.js_event_callbacks = {
      mousemove: [(event) => pointAll(this, event)],
      mouseleave: [() => pointAll(null)],
      rangesupdate: [({x0, x1}) => x0 !== undefined && this._isBuilt && zoomAll([Math.min(x0, x1), Math.max(x0, x1)])],
      doubletap: [() => zoomAll(null)],
    };
    this._isBuilt = true;
  }

  /** Take the lines as they are now, and draw. */
  take({unit, lines}) {
    this.lines = lines;
    this._unit.textContent = unit;
    this.draw();
  }

  draw() {
    const colors = this.lines.map((_, at) => PALETTE[theme()][at % 8]);
    for (const axis of [this._x, this._y]) axis.major_label_text_color = INK[theme()];
    const each = (of) => this.lines.map(of);
    this._lines.data = {xs: each(({x}) => x), ys: each(({mean}) => mean.map((value) => value ?? NaN)), color: colors,
      run: each(({name}) => name), alpha: each(() => 1), dash: each(() => [])};
    const bands = each((line, at) => ({...outline(line), color: colors[at]})).filter(({xs}) => xs.length);
    this._bands.data = {xs: bands.map(({xs}) => xs), ys: bands.map(({ys}) => ys), color: bands.map(({color}) => color), run: bands.map(() => "")};
    this.look();
    const text = ({name, mean}) => `${name} ${number(mean.findLast((value) => value !== null) ?? null)}`;
    this._legend.replaceChildren(...each((line, at) => element("li", {}, element("span", {class: "swatch", style: `--run: ${colors[at]}`}), text(line))));
  }

  /** Let the axes show what is zoomed into, or all. */
  look() {
    const [from, to] = zoom ?? extent();
    this.plot.x_range.setv({start: from, end: to});
    const seen = this.lines.flatMap(({x, low, high}) => x.flatMap((at, row) => (at < from || at > to ? [] : [low[row], high[row]]))).filter(Number.isFinite);
    const low = Math.min(...seen), high = Math.max(...seen), margin = (high - low) * 0.08 || Math.abs(high) * 0.1 || 0.5;
    if (!seen.length) return;
    if (this._unit.textContent === "%") this.plot.y_range.setv({start: -2, end: Math.max(102, high + margin)});
    else this.plot.y_range.setv({start: low >= 0 && low - margin < 0 ? -margin / 4 : low - margin, end: high + margin});
  }

  point(x) {
    this._cursor.location = x;
  }
}

/** The outline from the lowest to the highest value, where rows stand for several points. */
function outline({x, low, high}) {
  const there = [...x.keys()].filter((row) => low[row] !== null && x[row] !== null);
  if (!there.some((row) => low[row] !== high[row])) return {xs: [], ys: []};
  const back = there.toReversed();
  return {xs: [...there, ...back].map((row) => x[row]), ys: [...there.map((row) => high[row]), ...back.map((row) => low[row])]};
}

/** From where to where all charts go, with a margin. */
function extent() {
  const ends = [...charts.values()].flatMap(({lines = []}) => lines.flatMap(({x}) => [x[0], x.at(-1)])).filter(Number.isFinite);
  const [from, to] = ends.length ? [Math.min(0, ...ends), Math.max(...ends)] : [0, 1];
  return [from - (to - from) * 0.01, to + ((to - from) * 0.02 || 1)];
}

function zoomAll(range) {
  const [from, to] = extent();
  zoom = range && (range[0] > from || range[1] < to) ? range : null;
  for (const chart of charts.values()) chart.look();
}

function pointAll(chart, event) {
  const isInside = chart && event.x >= chart.plot.x_range.start && event.x <= chart.plot.x_range.end;
  for (const one of charts.values()) one.point(isInside ? event.x : null);
  $("#tooltip").hidden = !isInside;
  if (isInside) tell(chart, event);
}

function tell(chart, {x, sx, sy}) {
  const rows = chart.lines.map((line, at) => [line, nearest(line.x, x), at]).filter(([line]) => line.x.length);
  $("#tooltip").replaceChildren(element("div", {class: "tip-head"}, `after ${duration(x)}`), ...rows.map(([{name, mean, low, high}, row, at]) =>
    element("div", {class: "tip-row"}, element("span", {class: "swatch", style: `--run: ${PALETTE[theme()][at % 8]}`}), element("span", {class: "tip-name"}, name),
      element("span", {}, number(mean[row])), element("span", {class: "tip-raw"}, low[row] === high[row] ? "" : `${number(low[row])} … ${number(high[row])}`))));
  const {left, top} = chart.host.querySelector(".body").getBoundingClientRect();
  placeAt($("#tooltip"), left + sx, top + sy);
}

async function refresh() {
  clearTimeout(timer);
  if (document.hidden || isAsking) return; // it is asked for when the page is looked at again
  isAsking = true;
  const answer = await fetch(`${location.pathname}/charts?rank=${given.rank}`).then((one) => (one.ok ? one.json() : null)).catch(() => null);
  try {
    if (answer) await take(answer.charts);
  } finally {
    isAsking = false;
  }
  timer = setTimeout(refresh, answer?.is_live ? LIVE_MS : IDLE_MS);
}

async function take(told) {
  $("#no-samples").hidden = told.length > 0;
  for (const one of told) {
    if (charts.has(one.title)) continue;
    const chart = new Chart(one.title);
    if (!charts.size) $("#charts").replaceChildren();
    $("#charts").append(chart.host);
    await chart.build();
    chart.lines = one.lines;
    charts.set(one.title, chart);
  }
  for (const one of told) charts.get(one.title).take(one);
  if (!told.length) $("#charts").replaceChildren();
}

document.addEventListener("visibilitychange", refresh);
document.addEventListener("prevue-theme", () => charts.forEach((chart) => chart.draw()));
await refresh();
