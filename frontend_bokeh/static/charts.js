// A chart: Bokeh's figure cloned from its cached JSON into a document of its own, filled and drawn in the browser.

import {dressX, dressY} from "./axes.js";
import {embed} from "./embed.js";
import {looksOfEvent, placeOf} from "./events.js";
import {groupNamed, grouped} from "./groups.js";
import {extentOf, isRising, rowAt, xsOf} from "./places.js";
import {dashOfRank, isSplit, shadeOf, trackId} from "./ranks.js";
import {nearest, seed, smooth} from "./series.js";
import {dashOf, splitOf} from "./splits.js";
import {isLogX, view} from "./view.js";

export const PALETTE = { // that of prevue.css, for drawing
  light: ["#1774f6", "#c96a25", "#17a96e", "#5a248d", "#603c03", "#f93eae", "#1c606d", "#242425"],
  dark: ["#6ea5de", "#d97d40", "#46f8b3", "#a22be5", "#f7c32b", "#e1125e", "#b4edfc", "#9c9fa1"],
};
export const INK = {light: "#667085", dark: "#8b96a5"};
const TEXT = {light: "#17202e", dark: "#e6eaf0"};
const ENDS = {failed: {light: "#c92a2a", dark: "#ff7b72"}, lost: {light: "#9a6700", dark: "#e3b341"}};
const DASHES = [[], [7, 4], [2, 3]];
const EDGE = 0.025; // of the height: how far inside of it marks of values lie that have no place
const HEIGHT = 210; // CSS pixels
const NEAR = 6; // CSS pixels: so near to an event it is told of
const OUTLYING = 0.01; // of the rows on each side, where outliers are left out

const numberOf = (run) => groupNamed(run)?.at ?? run.color;

/** A run, or its group, keeps its colour; from the ninth on lines are dashed, from the seventeenth on dotted. */
export function runColor(run) {
  return PALETTE[view.theme][numberOf(run) % PALETTE[view.theme].length];
}

/**
 * Where a run is split by rank, each rank has a shade of that colour, and is dashed in its own way. `split`: it is one of
 * several on the chart, and dashes tell those apart.
 */
export function looksOf({run, rank, split}) {
  const isByRank = isSplit(run) && !groupNamed(run);
  const color = isByRank ? shadeOf(runColor(run), run, rank, TEXT[view.theme]) : runColor(run);
  const dash = isByRank ? dashOfRank(run, rank) : DASHES[Math.floor(numberOf(run) / 8) % DASHES.length];
  return {color, dash: split ? dashOf(split) : dash};
}

/**
 * One chart of one key. `page` knows the tracks (`tracksOf(key)`, `blocksOf(key)`, `eventsOf(run)`), which run is pointed at
 * (`highlighted`), and takes what the user does: `hover`, `leave`, `zoomTo`, `unzoom`; and `drawn`.
 */
export class Chart {
  constructor(key, host, spec, page) {
    this.key = key;
    this.host = host;
    this.window = null; // what came for the zoom: {low, blocks}
    this.zoomSeq = null; // names the question whose answer will be the window
    this.curves = [];
    this.groups = null; // of the curves, where runs are grouped
    this.events = []; // that are marked: {event, run, x}
    this._page = page;
    this._spec = spec;
    this._isGone = false;
    this._canDraw = false;
  }

  /** How many points there are in all of what is shown. */
  get whole() {
    const blocks = this._page.blocksOf(this.key);
    return this.curves.reduce((sum, {id}) => sum + (blocks.get(id)?.total ?? 0), 0);
  }

  /** From and to on the x axis, or undefined: all is shown. */
  get zoom() {
    return view.zoom.get(this.key);
  }

  async build() {
    this._embedded = await embed(this._spec, this.host, (model) => this._prepare(model));
    this.view = this._embedded.views.get(this.plot);
    this._canDraw = !this._isGone;
    if (this._isGone) this._embedded.destroy(); // while it was built
    else if (this._isBehind) this.dress();
  }

  _prepare(model) {
    this.document = model;
    this.plot = model.get_model_by_name("plot");
    this.sources = Object.fromEntries(["bands", "raw", "lines", "marks"].map((name) => [name, model.get_model_by_name(name)]));
    this._cursor = model.get_model_by_name("cursor");
    this.plot.js_event_callbacks = {
      mousemove: [(event) => this._isDragged || this._page.hover(this, event)],
      mouseleave: [() => this._page.leave()],
      rangesupdate: [(event) => this._zoomed(event)],
      doubletap: [() => this.zoom && this._page.unzoom(this)],
      panstart: [() => this._drag(true)],
      panend: [() => this._drag(false)],
    };
    this._canDraw = true;
    this.dress(); // so that what is painted first are the curves
    this._canDraw = this._isBehind = false; // not while Bokeh builds its views of it
  }

  destroy() {
    this._isGone = true;
    this._embedded?.destroy();
  }

  /** Make it so many CSS pixels high; none: as usual. */
  grow(height = HEIGHT) {
    this.plot.height = height;
  }

  /** Change what only the looks depend on, kind of axis and theme, and draw. */
  dress() {
    if (!this._mayDraw()) return;
    const [x, y] = ["x_axis", "y_axis"].map((name) => this.document.get_model_by_name(name));
    for (const axis of [x, y]) axis.major_label_text_color = INK[view.theme];
    dressX(this.plot, x, view.axis, isLogX());
    dressY(this.plot, y, view.log);
    this.update();
  }

  _mayDraw() {
    this._isBehind = !this._canDraw;
    return this._canDraw;
  }

  /** Take the blocks as they are now, and draw. */
  update() {
    const blocks = this._page.blocksOf(this.key);
    this.curves = [];
    for (const track of this._page.tracksOf(this.key)) {
      const block = this.window?.blocks.get(track.id) ?? blocks.get(track.id);
      const x = block && this._xs(block, track, this.window?.over);
      if (x?.length) this.curves.push({...track, block, x, y: this._smoothed(block, blocks.get(track.id))});
    }
    this.groups = this.curves.length && groupNamed(this.curves[0].run) ? grouped(this.curves) : null;
    this.draw();
  }

  /** The x values of a track's block. `over`: the blocks of the other metric that came for a zoom. */
  _xs(block, {run, rank}, over = view.axis === "metric" ? this._page.blocksOf(view.over) : undefined) {
    return xsOf(block, run, over?.get(trackId(run.id, rank, view.over)));
  }

  /** A window's average goes on from what was before it: that is in the block of the whole range. */
  _smoothed({columns: {mean, count}}, whole) {
    const isPart = this.window && whole && this.window.low !== null && view.smoothing > 0;
    return smooth(mean, count, view.smoothing, isPart ? seed(whole.columns, this.window.low, view.smoothing) : undefined);
  }

  draw() {
    if (!this._mayDraw()) return;
    const limits = this._limits();
    this._setRanges(limits);
    const bands = table("xs", "ys", "color", "run"), raw = table("xs", "ys", "color", "run", "alpha", "dash");
    const lines = table("xs", "ys", "color", "run", "alpha", "dash"), marks = table("x", "y", "color", "run", "marker", "size", "alpha");
    const onAxis = view.log ? positive : (values) => values;
    for (const curve of this.curves) {
      const {run, block, y} = curve, x = isLogX() ? positive(curve.x) : curve.x;
      const isFaded = this._isFaded([curve]), looks = {...looksOf(curve), run: run.id};
      for (const mark of this._marks(curve)) add(marks, {...looks, alpha: isFaded ? 0.15 : 1, ...mark});
      if (this.groups) {
        add(raw, {xs: x, ys: onAxis(y), alpha: isFaded ? 0.04 : 0.22, ...looks});
        continue;
      }
      if (!block.raw && !isFaded && isRising(curve.x)) add(bands, {...band(x, block.columns, limits.low), ...looks});
      if (view.smoothing > 0) add(raw, {xs: x, ys: onAxis(block.columns.mean), alpha: isFaded ? 0.05 : 0.28, ...looks});
      add(lines, {xs: x, ys: onAxis(y), alpha: isFaded ? 0.15 : 1, ...looks});
    }
    this.events = view.events ? [...this._placedEvents()] : [];
    const lined = new Set(); // of many runs events are often at the same step
    for (const {event, run, curve, x} of this.events) {
      const {marker, color = looksOf(curve).color} = looksOfEvent(event), {start, end} = this.plot.y_range;
      const isFaded = this._isFaded([curve]), of = {run: run.id, color, dash: [2, 3]};
      if (!lined.has(x)) add(raw, {...of, xs: [x, x], ys: [start, end], alpha: isFaded ? 0.1 : 0.55});
      lined.add(x);
      add(marks, {...of, x, y: this._edges.top, marker, size: 8, alpha: isFaded ? 0.15 : 1});
    }
    for (const group of this.groups ?? []) {
      const isFaded = this._isFaded(group.curves), looks = {...looksOf(group.curves[0]), run: group.name};
      if (!isFaded && group.curves.length > 1) add(bands, {...band(group.x, group, limits.low), ...looks});
      add(lines, {xs: group.x, ys: onAxis(group.mean), alpha: isFaded ? 0.15 : 1, ...looks});
    }
    Object.assign(this.sources.bands, {data: bands});
    Object.assign(this.sources.raw, {data: raw});
    Object.assign(this.sources.lines, {data: lines});
    Object.assign(this.sources.marks, {data: marks});
    this._page.drawn(this, limits);
  }

  /** Whether another run than those of the curves is pointed at. */
  _isFaded(curves) {
    const {highlighted} = this._page;
    if (highlighted === null) return false;
    const group = this.groups && groupNamed(this.curves.find(({run}) => run.id === highlighted)?.run ?? curves[0].run)?.name;
    return !curves.some(({run}) => run.id === highlighted || (group && groupNamed(run).name === group));
  }

  /** The least and the greatest of what is visible, and how many rows have no place: on a log axis, or as outliers. */
  _limits() {
    const found = {low: Infinity, high: -Infinity, unloggable: 0, unplaced: 0, outlying: 0};
    const [from, to] = this.zoom ?? [-Infinity, Infinity];
    const means = [];
    for (const {block: {columns}, x} of this.curves) {
      for (let i = 0; i < x.length; i++) {
        if (!(x[i] >= from && x[i] <= to) || !Number.isFinite(columns.low[i])) continue;
        if (isLogX() && x[i] <= 0) {
          found.unplaced++;
          continue;
        }
        if (!view.log || columns.mean[i] > 0) means.push(columns.mean[i]);
        if (view.log && columns.low[i] <= 0) found.unloggable++;
        for (const value of view.log ? [columns.low[i], columns.mean[i], columns.high[i]] : [columns.low[i], columns.high[i]]) {
          if (view.log && value <= 0) continue;
          found.low = Math.min(found.low, value);
          found.high = Math.max(found.high, value);
        }
      }
    }
    return view.robust ? this._inner(found, Float64Array.from(means).sort()) : found;
  }

  /** Limits that leave out the outermost of sorted means; what reaches far beyond them is counted. */
  _inner(found, means) {
    if (!means.length) return found;
    const at = (share) => means[Math.round(share * (means.length - 1))];
    const [bottom, top] = [at(OUTLYING), at(1 - OUTLYING)], margin = (top - bottom) * 0.5;
    const [low, high] = [Math.max(found.low, view.log ? bottom : bottom - margin), Math.min(found.high, top + margin)];
    const outlying = means.filter((mean) => mean < low || mean > high).length;
    return {...found, low, high, outlying};
  }

  /** The whole of each curve, also of what a zoom leaves out: {curve, whole (a block), x}. */
  wholes() {
    const blocks = this._page.blocksOf(this.key);
    return this.curves.map((curve) => {
      const whole = blocks.get(curve.id) ?? curve.block;
      return {curve, whole, x: (whole !== curve.block && this._xs(whole, curve)) || curve.x};
    });
  }

  /** Where the curves begin and end on the x axis, also those parts that a zoom leaves out. */
  _extent() {
    const ends = this.wholes().map(({x}) => extentOf(x, isLogX()));
    return [Math.min(...ends.map(([least]) => least)), Math.max(...ends.map(([, most]) => most))];
  }

  _setRanges({low, high}) {
    const [there, back] = view.log ? [Math.log, Math.exp] : [(value) => value, (value) => value];
    const [start, end] = padded(there(low), there(high), 0.06);
    this.plot.y_range.setv({start: back(start), end: back(end)});
    const inset = (end - start) * EDGE;
    this._edges = {bottom: back(start + inset), top: back(end - inset)};
    const [right, left] = isLogX() ? [Math.log, Math.exp] : [(value) => value, (value) => value];
    const [from, to] = this.zoom ?? padded(...this._extent().map(right), 0.02).map(left);
    this.plot.x_range.setv({start: from, end: to});
  }

  /** Where a run goes on or has broken off, and where values are not finite: those lie on the plot's edge. */
  *_marks({id, run, block, x, y}) {
    let end = y.length - 1;
    while (end >= 0 && !Number.isFinite(y[end])) end--;
    const isWhole = block.total === this._page.blocksOf(this.key).get(id)?.total && !this.window;
    if (end >= 0 && isWhole && ENDS[run.state]) yield {x: x[end], y: y[end], marker: "x", size: 9, color: ENDS[run.state][view.theme]};
    else if (end >= 0 && isWhole && run.state === "running") yield {x: x[end], y: y[end], marker: "circle", size: 5};
    for (let i = 0; i <= end; i++) { // a line needs two points
      const isAlone = Number.isFinite(y[i]) && !Number.isFinite(y[i - 1]) && !Number.isFinite(y[i + 1]);
      if (isAlone) yield {x: x[i], y: y[i], marker: "circle", size: 5};
    }
    const {bottom, top} = this._edges;
    if (isLogX() && !(x.at(-1) > 0)) return;
    for (const {row, nan, inf, ninf} of block.odd) {
      if (nan) yield {x: x[row], y: bottom, marker: "diamond", size: 8};
      if (inf) yield {x: x[row], y: top, marker: "triangle", size: 8};
      if (ninf) yield {x: x[row], y: bottom, marker: "inverted_triangle", size: 8};
    }
  }

  /** The events of the shown runs, each where its first curve has it, if that is anywhere on the axis. */
  *_placedEvents() {
    const seen = new Set();
    for (const {curve, whole, x} of this.wholes()) {
      const {run} = curve;
      if (seen.has(run.id)) continue;
      seen.add(run.id);
      for (const event of this._page.eventsOf(run.id)) {
        const at = placeOf(event, {run, split: splitOf(curve.key), block: whole, x});
        if (Number.isFinite(at) && (!isLogX() || at > 0)) yield {event, run, curve, x: at};
      }
    }
  }

  /** The events that are marked around a place on the screen, in CSS pixels from the left of the chart. */
  eventsAt(sx) {
    const {x_scale: scale} = this.view.frame;
    return this.events.filter(({x}) => Math.abs(scale.compute(x) - sx) <= NEAR);
  }

  /** Show the cursor at x (null: nowhere). */
  point(x) {
    if (this._cursor && this._cursor.location !== x) this._cursor.location = x;
  }

  /** What stands at x, by track or by group. */
  at(x) {
    if (!this.groups) return this._rowsAt(x, this.curves);
    return this.groups.map(({name, curves, mean, least, most, count, x: xs}) => {
      const at = nearest(xs, x), numbers = {value: mean[at], last: mean[at], low: least[at], high: most[at], count: count[at]};
      return {...this._rowsAt(x, curves)[0], name, ...numbers, odd: undefined};
    }).filter((row) => row.count);
  }

  _rowsAt(x, curves) {
    return curves.map(({run, rank, split, block: {columns, odd}, x: xs, y}) => {
      const row = rowAt(xs, x);
      const of = Object.fromEntries(["step", "epoch", "low", "high", "mean", "last", "count"].map((name) => [name, columns[name][row]]));
      return {run, rank, split, ...of, x: xs[row], value: Number.isFinite(y[row]) ? y[row] : of.last, odd: odd.find((one) => one.row === row)};
    });
  }

  _drag(isDragged) {
    this._isDragged = isDragged;
    this._page.leave();
  }

  _zoomed({x0, x1}) {
    if (x0 === undefined || !this.curves.length) return;
    const [left, right] = this._extent();
    const [from, to] = [Math.min(x0, x1), Math.max(x0, x1)];
    if (from <= left && to >= right) this._page.unzoom(this);
    else this._page.zoomTo(this, [from, to]);
  }
}

function table(...names) {
  return Object.fromEntries(names.map((name) => [name, []]));
}

function add(columns, row) {
  for (const [name, values] of Object.entries(columns)) values.push(row[name]);
}

/** The outline from the lowest to the highest value of each bucket. On a log axis it ends at the lowest that is there. */
function band(x, {low, high}, bottom) {
  const there = [...x.keys()].filter((i) => Number.isFinite(low[i]) && Number.isFinite(x[i]) && (!view.log || high[i] > 0));
  const back = there.toReversed();
  return {
    xs: [...there, ...back].map((i) => x[i]),
    ys: [...there.map((i) => high[i]), ...back.map((i) => (view.log ? Math.max(low[i], bottom) : low[i]))],
  };
}

/** Values as a log axis can have them. */
function positive(values) {
  return values.map((value) => (value > 0 ? value : NaN));
}

function padded(from, to, share) {
  if (!Number.isFinite(from) || !Number.isFinite(to)) return [0, 1];
  const margin = from === to ? Math.abs(from) * 0.1 || 0.5 : (to - from) * share;
  return [from - margin, to + margin];
}
