// A dot for each run, over two fields.

import {colorAt} from "./scales.js";
import {pointIn, svg} from "./svg.js";

const HEIGHT = 320, TOP = 14, BOTTOM = 44, LEFT = 72, RIGHT = 18; // CSS pixels
const NEAR = 14;

export class Scatter {
  /** `page`: `point(place of a run, event)`, `open(place of a run)`. */
  constructor(host, page) {
    [this._host, this._page, this._dots, this._near] = [host, page, [], null];
    host.addEventListener("pointermove", (event) => this._look(event));
    host.addEventListener("pointerleave", () => page.point(null));
    host.addEventListener("click", () => this._near !== null && page.open(this._near));
  }

  /** Draw runs over the axes `across` and `up`, which have `label`, `values` and `scale`; `kept(i)`, `shares`: for colours. */
  draw({across, up, kept, shares, theme}) {
    const width = this._host.clientWidth;
    const x = (share) => LEFT + (0.02 + 0.96 * share) * (width - LEFT - RIGHT), y = (share) => HEIGHT - BOTTOM - (0.03 + 0.94 * share) * (HEIGHT - TOP - BOTTOM);
    const places = across.values.map((value, i) => [across.scale.at(value), up.scale.at(up.values[i])]);
    this._dots = places.flatMap(([a, b], i) => (a === null || b === null ? [] : [{i, x: x(a), y: y(b)}]));
    const dot = ({i, x: cx, y: cy}) => svg("circle", {cx, cy, r: kept(i) ? 4.5 : 3, class: kept(i) ? "dot" : "dot out", fill: kept(i) ? colorAt(shares[i], theme) : null, "data-run": i});
    this._kept = kept;
    this._host.replaceChildren(svg("svg", {width, height: HEIGHT, role: "img", "aria-label": `${up.label} over ${across.label} of ${this._dots.length} runs`},
      ...across.scale.ticks.flatMap(({at, text}) => [svg("path", {class: "grid", d: `M${x(at)} ${TOP}V${HEIGHT - BOTTOM}`}), svg("text", {class: "tick middle", x: x(at), y: HEIGHT - BOTTOM + 18}, text)]),
      ...up.scale.ticks.flatMap(({at, text}) => [svg("path", {class: "grid", d: `M${LEFT} ${y(at)}H${width - RIGHT}`}), svg("text", {class: "tick", x: LEFT - 8, y: y(at) + 4}, text)]),
      ...this._dots.toSorted((a, b) => kept(a.i) - kept(b.i)).map(dot),
      svg("text", {class: "axis-name", transform: `translate(16 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)`}, up.label),
      svg("text", {class: "axis-name", x: (LEFT + width - RIGHT) / 2, y: HEIGHT - 8}, across.label)));
  }

  _look(event) {
    const [x, y] = pointIn(this._host, event), away = (dot) => Math.hypot(dot.x - x, dot.y - y);
    const near = this._dots.filter(({i}) => this._kept(i)).reduce((best, dot) => (away(dot) < Math.min(NEAR, best ? away(best) : Infinity) ? dot : best), null);
    this._near = near?.i ?? null;
    this._host.style.cursor = near ? "pointer" : "";
    this._page.point(this._near, event);
  }

  /** Let one dot stand out; null: none. */
  mark(i) {
    for (const dot of this._host.querySelectorAll(".dot.near")) dot.classList.remove("near");
    if (i !== null) this._host.querySelector(`[data-run="${i}"]`)?.classList.add("near");
  }
}
