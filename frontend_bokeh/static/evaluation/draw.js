// Drawing: SVG elements, and plots with axes on them. Colours come from the page's style, so a theme costs nothing.

import {element} from "../page.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const SIDES = {left: 52, right: 12, top: 10, bottom: 36};

/** Make an SVG element: `svg("circle", {r: 3, onclick}, child)`. */
export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Round places between two values, about `count` of them. */
function ticks(low, high, count) {
  if (!(high > low)) return [low];
  const rough = (high - low) / count,
    power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({length: Math.floor(high / step + 1e-9) - first + 1}, (_, i) => +((first + i) * step).toPrecision(12));
}

/** A number as axes show it. */
export function short(value) {
  const size = Math.abs(value);
  if (size >= 1e9 || (size > 0 && size < 1e-4)) return value.toExponential(1).replace("-", "−");
  const [unit, letter] = size >= 1e6 ? [1e6, "M"] : size >= 1e4 ? [1e3, "k"] : [1, ""];
  return `${+(value / unit).toPrecision(4)}${letter}`.replace("-", "−");
}

/** A plot in `host`, as wide as it is; `paint(plot)` draws into `plot.ground` whenever the width changes. */
export class Plot {
  constructor(host, {label, x, y, height = 250, paint, ondrag = null}) {
    Object.assign(this, {host, x, y, height, _paint: paint});
    this.ground = svg("g");
    this.marks = svg("g", {class: "marks"});
    this._axes = svg("g");
    this.root = svg("svg", {class: "chart", role: "img", "aria-label": label, height}, this._axes, this.ground, this.marks);
    this._spoken = element("p", {class: "unseen", "aria-live": "polite"});
    host.append(this.root, this._spoken);
    new ResizeObserver(() => this.width !== undefined && this.draw()).observe(host);
    if (ondrag) this._let(ondrag);
  }

  /** Draw all anew; `scales` changes the ranges. */
  draw(scales = {}) {
    Object.assign(this.x, scales.x);
    Object.assign(this.y, scales.y);
    this.width = this.host.clientWidth; // 0 while it is hidden
    if (!this.width) return;
    this.root.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this._drawAxes();
    this.ground.replaceChildren();
    this.marks.replaceChildren();
    this._paint(this);
  }

  px(x) {
    const {low, high} = this.x;
    return SIDES.left + ((x - low) / (high - low || 1)) * (this.width - SIDES.left - SIDES.right);
  }

  py(y) {
    const {low, high} = this.y;
    return this.height - SIDES.bottom - ((y - low) / (high - low || 1)) * (this.height - SIDES.top - SIDES.bottom);
  }

  /** The values at an event's place, within the axes. */
  at(event) {
    const box = this.root.getBoundingClientRect();
    const share = (place, from, to) => Math.min(1, Math.max(0, (place - from) / (to - from)));
    const x = share(event.clientX - box.left, SIDES.left, this.width - SIDES.right);
    const y = share(this.height - SIDES.bottom - (event.clientY - box.top), 0, this.height - SIDES.top - SIDES.bottom);
    return [this.x.low + x * (this.x.high - this.x.low), this.y.low + y * (this.y.high - this.y.low)];
  }

  line(xs, ys, attributes) {
    const points = Array.from(xs, (x, i) => `${this.px(x).toFixed(1)},${this.py(ys[i]).toFixed(1)}`).join(" ");
    return svg("polyline", {points, fill: "none", ...attributes});
  }

  /** The surface between a line and the lower axis. */
  area(xs, ys, attributes) {
    const points = Array.from(xs, (x, i) => `${this.px(x).toFixed(1)},${this.py(ys[i]).toFixed(1)}`);
    const [first, last] = [this.px(xs[0]), this.px(xs.at(-1))],
      ground = this.py(this.y.low);
    return svg("polygon", {points: [`${first},${ground}`, ...points, `${last},${ground}`].join(" "), ...attributes});
  }

  bar(x0, x1, y0, y1, attributes) {
    const [left, right, top, bottom] = [this.px(x0), this.px(x1), this.py(Math.max(y0, y1)), this.py(Math.min(y0, y1))];
    return svg("rect", {x: left, y: top, width: Math.max(0, right - left), height: Math.max(0, bottom - top), ...attributes});
  }

  /** Let arrow keys walk what can be picked, and Enter pick it. */
  letWalk() {
    for (const [name, value] of Object.entries({tabindex: 0, role: "application", "aria-roledescription": "chart"}))
      this.root.setAttribute(name, value);
    this.root.setAttribute("aria-label", `${this.root.getAttribute("aria-label")}; arrow keys walk, Enter chooses`);
    let at = -1;
    this.root.addEventListener("keydown", (event) => {
      const by = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key],
        picks = [...this.ground.querySelectorAll(".pick")];
      if (by && picks.length) at = Math.min(picks.length - 1, Math.max(0, at + by));
      else if (event.key === "Enter" && picks[at]) picks[at].dispatchEvent(new MouseEvent("click"));
      else return;
      event.preventDefault();
      for (const [i, pick] of [...this.ground.querySelectorAll(".pick")].entries()) pick.classList.toggle("near", i === at);
      this._spoken.textContent = picks[at].dataset.told;
    });
    return this;
  }

  _drawAxes() {
    const parts = [],
      {left, right, top, bottom} = SIDES,
      [end, ground] = [this.width - right, this.height - bottom];
    for (const value of ticks(this.x.low, this.x.high, Math.max(5, this.width / 90))) {
      const place = this.px(value);
      parts.push(
        svg("line", {class: "grid", x1: place, x2: place, y1: top, y2: ground}),
        svg("text", {class: "tick", x: place, y: ground + 15, "text-anchor": "middle"}, (this.x.text ?? short)(value)),
      );
    }
    for (const value of this.y.ticks ?? ticks(this.y.low, this.y.high, 5)) {
      const place = this.py(value);
      parts.push(
        svg("line", {class: "grid", x1: left, x2: end, y1: place, y2: place}),
        svg("text", {class: "tick", x: left - 6, y: place + 4, "text-anchor": "end"}, (this.y.text ?? short)(value)),
      );
    }
    const middle = (ground + top) / 2;
    parts.push(
      svg("text", {class: "axis", x: (left + end) / 2, y: this.height - 3, "text-anchor": "middle"}, this.x.name),
      svg("text", {class: "axis", transform: `translate(11 ${middle}) rotate(-90)`, "text-anchor": "middle"}, this.y.name),
    );
    this._axes.replaceChildren(...parts);
  }

  /** Call `ondrag(x, y)` while the pointer is drawn over the plot. */
  _let(ondrag) {
    this.root.classList.add("drags");
    const move = (event) => ondrag(...this.at(event));
    this.root.addEventListener("pointerdown", (event) => {
      if (event.button || event.target.closest(".pick")) return;
      this.root.setPointerCapture(event.pointerId);
      this.root.addEventListener("pointermove", move);
      move(event);
    });
    for (const name of ["pointerup", "pointercancel"]) {
      this.root.addEventListener(name, () => this.root.removeEventListener("pointermove", move));
    }
  }
}

/** The attributes of what tells `lines` at the pointer, and chooses the samples of `filter` where there is one. */
export function telling(page, lines, filter = null) {
  const attributes = {
    "data-told": lines.join(", "),
    onpointermove: (event) => page.tip.show(event, lines),
    onpointerleave: () => page.tip.hide(),
  };
  const onclick = () => {
    page.tip.hide(); // what it is of is drawn anew, and never left
    page.choice.pick(filter);
  };
  return filter ? {...attributes, onclick} : attributes;
}

/** The ends of what is drawn, with a little room. */
export function ends(values, room = 0.03) {
  let low = Infinity,
    high = -Infinity;
  for (const value of values) if (Number.isFinite(value)) [low, high] = [Math.min(low, value), Math.max(high, value)];
  if (low > high) return {low: 0, high: 1};
  const more = (high - low || Math.abs(high) || 1) * room;
  return {low: low - more, high: high + more};
}

/** The colour of a share of 1 on a heat map, and of a text on it: blue on white, or on the dark panel. */
export function heat(share) {
  const isDark = document.documentElement.dataset.theme === "dark";
  const [from, to] = isDark
    ? [
        [29, 36, 47],
        [120, 175, 255],
      ]
    : [
        [243, 246, 252],
        [29, 62, 150],
      ];
  const mixed = from.map((part, i) => Math.round(part + (to[i] - part) * Math.min(1, Math.max(0, share))));
  const light = mixed.map((part) => (part / 255 <= 0.04045 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  const luminance = 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2];
  return {fill: `rgb(${mixed.join(",")})`, text: luminance > 0.18 ? "#000" : "#fff"};
}
