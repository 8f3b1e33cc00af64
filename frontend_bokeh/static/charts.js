// A chart: Bokeh's figure cloned from its cached JSON into a document of its own, filled and drawn in the browser.

import {smooth, nearest} from "./series.js";

const Bokeh = window.Bokeh;
const {Document} = Bokeh.require("document");
const {add_document_standalone} = Bokeh.require("embed/standalone");
const TickFormatter = Bokeh.Models.get("TickFormatter");

export const PALETTE = {
  light: ["#1774f6", "#c96a25", "#17a96e", "#5a248d", "#603c03", "#f93eae", "#1c606d", "#242425"],
  dark: ["#6ea5de", "#d97d40", "#46f8b3", "#a22be5", "#f7c32b", "#e1125e", "#b4edfc", "#9c9fa1"],
};
const DASHES = [[], [7, 4], [2, 3]];

/** A run keeps its colour; from the ninth on lines are dashed, from the seventeenth on dotted. */
export function runColor(number, theme) {
  return PALETTE[theme][number % PALETTE[theme].length];
}

class DurationFormatter extends TickFormatter {
  static __name__ = "PrevueDurationFormatter";
  doFormat(ticks) {
    const distance = ticks.length > 1 ? Math.abs(ticks[1] - ticks[0]) : 1;
    return ticks.map((seconds) => duration(seconds, distance));
  }
}

class ClockFormatter extends TickFormatter {
  static __name__ = "PrevueClockFormatter";
  doFormat(ticks) {
    const distance = ticks.length > 1 ? Math.abs(ticks[1] - ticks[0]) : 1;
    return ticks.map((seconds) => clock(seconds, distance));
  }
}

export function duration(seconds, precision = 1) {
  const sign = seconds < 0 ? "−" : "";
  seconds = Math.abs(seconds);
  if (seconds >= 86400) return `${sign}${+(seconds / 86400).toFixed(1)}d`;
  if (seconds >= 3600) return `${sign}${Math.floor(seconds / 3600)}h${String(Math.floor((seconds % 3600) / 60)).padStart(2, "0")}`;
  if (seconds >= 60) return `${sign}${Math.floor(seconds / 60)}m${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
  return `${sign}${+seconds.toFixed(precision < 1 ? 2 : 0)}s`;
}

function clock(seconds, distance) {
  const options = distance >= 86400 ? {month: "short", day: "numeric"}
    : {hour: "2-digit", minute: "2-digit", ...(distance >= 60 ? {} : {second: "2-digit"}), hourCycle: "h23"};
  return new Date(seconds * 1000).toLocaleString([], options);
}

/** Give every model of a document's JSON an id of its own; ids are found by walking, as text may look like one. */
let clones = 0;
function clone(spec) {
  const prefix = `c${++clones}_`;
  const walk = (value) => {
    if (Array.isArray(value)) return value.map(walk);
    if (value === null || typeof value !== "object") return value;
    const keys = Object.keys(value);
    const isReference = value.type === "object" || (keys.length === 1 && keys[0] === "id");
    return Object.fromEntries(keys.map((key) => [key, key === "id" && isReference ? prefix + value.id : walk(value[key])]));
  };
  return walk(spec);
}

// Bokeh before 3.10.2 never lets go of this listener, and with it of the whole chart: it is tied to a signal per chart.
let signal = null;
const viewport = window.visualViewport;
if (viewport) {
  const listen = viewport.addEventListener.bind(viewport);
  viewport.addEventListener = (type, listener, options) =>
    listen(type, listener, signal ? {...(typeof options === "object" ? options : {}), signal} : options);
}

/** One chart of one key: `page` tells what is shown (runs, axis, smoothing, theme) and takes what the user does. */
export class Chart {
  constructor(key, host, spec, page) {
    this.key = key;
    this.host = host;
    this.page = page;
    this.blocks = new Map(); // by run number
    this.window = null; // while zoomed: {low, high, blocks}
    this._spec = spec;
    this._abort = new AbortController();
  }

  async build() {
    signal = this._abort.signal;
    try {
      this.document = Document.from_json(clone(this._spec));
      this.plot = this.document.get_model_by_name("plot");
      this._sources = Object.fromEntries(["bands", "raw", "lines"].map((name) => [name, this.document.get_model_by_name(name)]));
      this._cursor = this.document.get_model_by_name("cursor");
      this.plot.js_event_callbacks = {
        mousemove: [(event) => this.page.hover(this, event)],
        mouseleave: [() => this.page.leave()],
        rangesupdate: [(event) => this._zoomed(event)],
        doubletap: [() => this.reset()],
        panstart: [() => this.page.leave()],
      };
      this._views = await add_document_standalone(this.document, this.host);
    } finally {
      signal = null;
    }
    this.draw();
  }

  destroy() {
    clearTimeout(this.zoomTimer);
    this.zoomSeq = null;
    this._abort.abort();
    for (const root of [...(this._views?.roots ?? [])]) root.remove();
    const at = Bokeh.documents.indexOf(this.document);
    if (at >= 0) Bokeh.documents.splice(at, 1);
    this.document?.clear();
    this.host.replaceChildren();
  }

  /** The x values of a block on the chosen axis; null where the axis does not exist for it. */
  xs(block, run) {
    const {axis} = this.page.view;
    if (axis === "relative") return block.columns.time.map((time) => time - run.started_at);
    if (axis === "wall") return block.columns.time;
    if (axis === "epoch") return Number.isNaN(block.columns.epoch[0]) ? null : Float64Array.from(block.columns.epoch);
    return block.columns.step;
  }

  /** What is drawn: of each shown run its block, x values and smoothed values. */
  curves() {
    const weight = this.page.view.smoothing;
    const found = [];
    for (const run of this.page.shownRuns()) {
      const block = this.window?.blocks.get(run.no) ?? this.blocks.get(run.no);
      const x = block && this.xs(block, run);
      if (x && x.length) found.push({run, block, x, y: smooth(block.columns.mean, block.columns.count, weight)});
    }
    return found;
  }

  draw() {
    if (!this._sources) return;
    const {theme, smoothing, log} = this.page.view;
    const columns = () => ({xs: [], ys: [], color: [], alpha: [], run: [], dash: []});
    const bands = columns(), raw = columns(), lines = columns();
    delete bands.dash;
    let low = Infinity, high = -Infinity, left = Infinity, right = -Infinity, bad = 0, points = 0;
    this._curves = this.curves();
    for (const {run, block, x, y} of this._curves) {
      const faded = this.page.highlighted !== null && this.page.highlighted !== run.no;
      const color = runColor(run.no, theme);
      const add = (to, xs, ys, alpha) => {
        to.xs.push(xs); to.ys.push(ys); to.color.push(color); to.alpha.push(alpha); to.run.push(run.no);
        to.dash?.push(DASHES[Math.floor(run.no / 8) % DASHES.length]);
      };
      if (!block.raw && !faded) {
        const there = [...x.keys()].filter((i) => Number.isFinite(block.columns.low[i]));
        const back = there.toReversed();
        add(bands, [...there, ...back].map((i) => x[i]),
          [...there.map((i) => block.columns.high[i]), ...back.map((i) => block.columns.low[i])], 1);
      }
      if (smoothing > 0) add(raw, x, block.columns.mean, faded ? 0.05 : 0.28);
      add(lines, x, y, faded ? 0.15 : 1);
      for (let i = 0; i < x.length; i++) {
        const value = block.columns.low[i];
        if (!Number.isFinite(value) || (log && value <= 0)) continue;
        low = Math.min(low, value);
        high = Math.max(high, block.columns.high[i]);
      }
      left = Math.min(left, x[0]);
      right = Math.max(right, x[x.length - 1]);
      bad += block.bad;
      points += block.total;
    }
    this._sources.bands.data = bands;
    this._sources.raw.data = raw;
    this._sources.lines.data = lines;
    this._range(this.plot.x_range, left, right, 0.02);
    this._range(this.plot.y_range, log ? Math.log(low) : low, log ? Math.log(high) : high, 0.06, log ? Math.exp : (v) => v);
    this.page.drawn(this, {points, bad, empty: !this._curves.length, unloggable: log && !Number.isFinite(low)});
  }

  _range(range, from, to, pad, back = (value) => value) {
    if (!Number.isFinite(from) || !Number.isFinite(to)) [from, to] = [0, 1];
    if (range === this.plot.x_range && this.window) [from, to] = this.window.x;
    else {
      const margin = from === to ? Math.abs(from) * 0.1 || 0.5 : (to - from) * pad;
      from -= margin;
      to += margin;
    }
    range.setv({start: back(from), end: back(to)});
  }

  /** Change what only the looks depend on: kind of axis, theme. */
  dress() {
    if (!this.plot) return;
    const {theme, axis, log} = this.page.view;
    const ink = theme === "dark" ? "#8b96a5" : "#667085";
    for (const name of ["x_axis", "y_axis"]) this.document.get_model_by_name(name).major_label_text_color = ink;
    const formatter = {relative: () => new DurationFormatter(), wall: () => new ClockFormatter()}[axis];
    const xAxis = this.document.get_model_by_name("x_axis");
    xAxis.formatter = formatter ? formatter() : new (Bokeh.Models.get("BasicTickFormatter"))({power_limit_high: 6, power_limit_low: -4});
    const Scale = Bokeh.Models.get(log ? "LogScale" : "LinearScale");
    if (!(this.plot.y_scale instanceof Scale)) {
      this.plot.y_scale = new Scale();
      this.document.get_model_by_name("y_axis").ticker = new (Bokeh.Models.get(log ? "LogTicker" : "BasicTicker"))({desired_num_ticks: 4});
    }
    this.draw();
  }

  /** Show the cursor at x (null: nowhere) and return what stands there, by run. */
  point(x) {
    if (!this._cursor) return [];
    this._cursor.location = x;
    if (x === null) return [];
    return this._curves.map(({run, block, x: xs, y}) => {
      const at = nearest(xs, x);
      const {step, epoch, low, high, mean, last} = block.columns;
      return {run, x: xs[at], step: step[at], epoch: epoch[at], value: y[at], mean: mean[at], low: low[at], high: high[at],
        last: last[at], count: block.columns.count[at]};
    });
  }

  _zoomed(event) {
    if (event.x0 === undefined || !this._curves?.length) return;
    this.page.zoom(this, event.x0, event.x1);
  }

  /** Show everything; a zoom that is still being asked for is forgotten. */
  reset() {
    clearTimeout(this.zoomTimer);
    this.zoomSeq = null;
    if (this.window) {
      this.window = null;
      this.page.zoomEnded(this);
    }
    this.draw();
  }

  async image(kind) {
    const view = this._views.roots[0] ?? Array.from(this._views)[0];
    if (kind === "svg") return new Blob([view.export("svg", false).ctx.get_serialized_svg(true)], {type: "image/svg+xml"});
    const {canvas} = view.export("png");
    const painted = document.createElement("canvas");
    [painted.width, painted.height] = [canvas.width, canvas.height];
    const context = painted.getContext("2d");
    context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--panel");
    context.fillRect(0, 0, painted.width, painted.height);
    context.drawImage(canvas, 0, 0);
    return new Promise((resolve) => painted.toBlob(resolve, "image/png"));
  }

  /** The drawn columns as CSV. A text that a spreadsheet would take for a formula gets an apostrophe. */
  csv() {
    const safe = (text) => `"${(/^[=+\-@]/.test(text) ? "'" : "") + text.replaceAll('"', '""')}"`;
    const rows = ["run,name,step,epoch,time,mean,low,high,last,count,smoothed"];
    for (const {run, block, y} of this._curves) {
      const {step, epoch, time, mean, low, high, last, count} = block.columns;
      for (let i = 0; i < step.length; i++) {
        rows.push([run.id, safe(run.name), step[i], epoch[i], new Date(time[i] * 1000).toISOString(), mean[i], low[i], high[i], last[i], count[i], y[i]].join(","));
      }
    }
    return new Blob([rows.join("\n") + "\n"], {type: "text/csv"});
  }
}
