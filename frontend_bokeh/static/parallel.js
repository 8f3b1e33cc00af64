// Parallel coordinates: an axis for each field, a line for each run. A drag over an axis keeps the runs that pass there.

import {colorAt} from "./scales.js";
import {pointIn, svg} from "./svg.js";

const HEIGHT = 320, TOP = 46, BOTTOM = 34, LEFT = 70, RIGHT = 70; // CSS pixels
const NARROWEST = 96; // for an axis: then the drawing scrolls
const GRIP = 14; // on each side of an axis: so near a drag begins there
const NEAR = 14; // so near a line is pointed at
const LEAST = 0.02; // of an axis: a drag that is shorter was a click
const STEP = 0.05; // of an axis, for a key

export class Parallel {
  /** `page`: `brush(field, range)` with shares from bottom to top, null to take all; `point(place of a run, event)`. */
  constructor(host, page) {
    [this._host, this._page, this._drawn] = [host, page, null];
    host.addEventListener("pointermove", (event) => this._drag ? this._dragged(event) : this._look(event));
    host.addEventListener("pointerleave", () => this._drag || page.point(null));
    host.addEventListener("pointerdown", (event) => this._grip(event));
    host.addEventListener("pointerup", (event) => this._drop(event));
    host.addEventListener("dblclick", (event) => this._undo(event));
  }

  /** Draw runs: `axes` have `field`, `label`, `values` and `scale`, `brushes` ranges by field; `kept(i)`, `shares`: for colours. */
  draw({axes, brushes, kept, shares, theme}) {
    const width = Math.max(this._host.clientWidth, axes.length * NARROWEST);
    const x = (k) => (axes.length < 2 ? width / 2 : LEFT + (k * (width - LEFT - RIGHT)) / (axes.length - 1));
    const y = (share) => (share === null ? HEIGHT - 10 : HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM));
    const count = axes[0]?.values.length ?? 0;
    const points = Array.from({length: count}, (_, i) => axes.map(({values, scale}, k) => [x(k), y(scale.at(values[i]))]));
    const line = (i) => svg("path", {d: curve(points[i]), class: kept(i) ? "run-line" : "run-line out", stroke: kept(i) ? colorAt(shares[i], theme) : null, "data-run": i});
    const order = [...points.keys()].sort((a, b) => kept(a) - kept(b));
    const focused = document.activeElement?.dataset?.field;
    this._drawn = {axes, x, points, kept, brushes};
    this._host.replaceChildren(svg("svg", {width, height: HEIGHT, role: "group", "aria-label": "parallel coordinates"},
      svg("g", {"aria-hidden": "true"}, ...order.map(line)), ...axes.map((axis, k) => this._axis(axis, x(k), y, brushes.get(axis.field)))));
    if (focused) this._host.querySelector(`[data-field="${CSS.escape(focused)}"]`)?.focus({preventScroll: true});
  }

  _axis({field, label, scale, values}, x, y, range) {
    const ticks = scale.ticks.flatMap(({at, text}) => [svg("path", {class: "axis", d: `M${x - 4} ${y(at)}h4`}), svg("text", {class: "tick", x: x - 8, y: y(at) + 4}, text)]);
    const none = values.includes(null) ? [svg("text", {class: "tick", x: x - 8, y: y(null) + 4}, "none")] : [];
    const brush = range ? [svg("rect", {class: "brush", x: x - 7, width: 14, y: y(range[1]), height: Math.max(3, y(range[0]) - y(range[1]))})] : [];
    const [low, high] = range ?? [0, 1];
    const made = svg("g", {class: "brushed", "data-field": field, tabindex: 0, role: "slider", "aria-orientation": "vertical", "aria-label": `range of ${label}`,
      "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(high * 100), "aria-valuetext": range ? `${Math.round(low * 100)} to ${Math.round(high * 100)} % of the axis` : "all"},
    svg("rect", {class: "grip", x: x - GRIP, width: 2 * GRIP, y: TOP - 6, height: HEIGHT - TOP - BOTTOM + 12}),
    svg("path", {class: "axis", d: `M${x} ${y(0)}V${y(1)}`}), ...ticks, ...none, ...brush,
    svg("text", {class: "axis-name", x, y: 20}, short(label)), svg("title", {}, label));
    made.addEventListener("keydown", (event) => this._key(event, field, low, high));
    return made;
  }

  /** Up and Down move the upper end of the range, with Shift the lower; Escape takes all again. */
  _key(event, field, low, high) {
    const by = {ArrowUp: STEP, ArrowDown: -STEP}[event.key];
    if (!by && event.key !== "Escape") return;
    event.preventDefault();
    const inside = (share) => Math.min(1, Math.max(0, share));
    const range = event.shiftKey ? [Math.min(high, inside(low + by)), high] : [low, Math.max(low, inside(high + by))];
    this._page.brush(field, by && (range[0] > 0 || range[1] < 1) ? range : null);
  }

  _place(event) {
    return pointIn(this._host.firstElementChild, event);
  }

  _near([x]) {
    const {axes, x: place} = this._drawn;
    return axes.find((_, k) => Math.abs(place(k) - x) <= GRIP);
  }

  _grip(event) {
    const at = this._place(event), axis = this._near(at);
    if (!axis || event.button !== 0) return;
    this._host.setPointerCapture(event.pointerId);
    this._drag = {field: axis.field, from: share(at[1])};
    this._page.point(null);
  }

  _dragged(event) {
    const {field, from} = this._drag, to = share(this._place(event)[1]);
    if (Math.abs(to - from) >= LEAST) this._page.brush(field, [Math.min(from, to), Math.max(from, to)]);
  }

  _drop() {
    this._drag = null;
  }

  _undo(event) {
    const axis = this._near(this._place(event));
    for (const field of axis ? [axis.field] : [...this._drawn.brushes.keys()]) this._page.brush(field, null);
  }

  /** Tell which line is nearest to the pointer, of those that are kept. */
  _look(event) {
    const [x, y] = this._place(event), {points, kept} = this._drawn;
    let found = null, least = NEAR;
    for (const [i, line] of points.entries()) {
      const k = line.findIndex(([right]) => right >= x);
      if (!kept(i) || k < 1) continue;
      const [[x0, y0], [x1, y1]] = [line[k - 1], line[k]], t = (x - x0) / (x1 - x0);
      const away = Math.abs(y0 + (y1 - y0) * t * t * (3 - 2 * t) - y);
      if (away < least) [found, least] = [i, away];
    }
    this._page.point(found, event);
  }

  /** Let one line stand out; null: none. */
  mark(i) {
    for (const line of this._host.querySelectorAll(".run-line.near")) line.classList.remove("near");
    const line = i === null ? null : this._host.querySelector(`[data-run="${i}"]`);
    line?.classList.add("near");
    line?.parentNode.append(line); // above the others
  }
}

const share = (y) => Math.min(1, Math.max(0, (HEIGHT - BOTTOM - y) / (HEIGHT - TOP - BOTTOM)));
const short = (label) => (label.length > 22 ? `…${label.slice(-21)}` : label);

/** Smooth from axis to axis, level at each. */
function curve(points) {
  return points.map(([x, y], k) => {
    if (!k) return `M${x} ${y}`;
    const [x0, y0] = points[k - 1], middle = (x0 + x) / 2;
    return `C${middle} ${y0} ${middle} ${y} ${x} ${y}`;
  }).join("");
}
