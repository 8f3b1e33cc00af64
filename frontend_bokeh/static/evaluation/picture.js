// A panel as one drawing: its title, keys, tables and notes stand where the page has them, with the styles that it gives them.

import {svg} from "./draw.js";

const LEFT_OUT = "button:not(.plain, [aria-checked='true']), [popover], .unseen, [type=range], option";
const ROOM = 14; // pixels around what is drawn
const STYLES = [
  "fill",
  "fill-opacity",
  "stroke",
  "stroke-width",
  "stroke-opacity",
  "stroke-dasharray",
  "font-family",
  "font-size",
  "font-weight",
  "text-anchor",
  "opacity",
  "paint-order",
];

/** Return an SVG element, which needs no style of the page; what of the panel is scrolled out of sight is in it, too. */
export function pictureOf(panel) {
  panel.classList.add("pictured"); // for this moment nothing scrolls
  const {left, top} = panel.getBoundingClientRect(),
    picture = new Picture(left, top);
  try {
    for (const node of shownIn(panel)) picture.add(node);
  } finally {
    panel.classList.remove("pictured");
  }
  return picture.root();
}

/** The texts, drawings and colours that can be seen, but for what only a pointer needs, and for panels inside. */
function* shownIn(host) {
  for (const node of host.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) yield node;
    if (node.nodeType !== Node.ELEMENT_NODE || node.matches(`${LEFT_OUT}, .view`) || !node.checkVisibility()) continue;
    yield node;
    if (!node.matches("svg, select")) yield* shownIn(node);
  }
}

class Picture {
  constructor(left, top) {
    Object.assign(this, {left, top, parts: [], x: Infinity, y: Infinity, right: 0, bottom: 0});
  }

  add(node) {
    if (node.nodeType === Node.TEXT_NODE) this._write(node);
    else if (node.matches("svg")) this._copy(node);
    else if (node.matches("select, input")) this._write(node.selectedOptions?.[0].firstChild ?? new Text(node.value), this._place(node));
    else if (node.matches(".swatch")) this._fill(this._place(node), getComputedStyle(node).backgroundColor);
    else if (node.matches(".bar-in")) this._bar(node);
    else if (node.matches("tr")) this._rule(this._place(node));
  }

  root() {
    const [x, y] = [this.x - ROOM, this.y - ROOM],
      [width, height] = [this.right + ROOM - x, this.bottom + ROOM - y];
    const ground = svg("rect", {x, y, width, height, fill: colour("--panel")});
    return svg("svg", {width, height, viewBox: `${x} ${y} ${width} ${height}`}, ground, ...this.parts);
  }

  /** Where something is, counted from the panel's corner. */
  _place(thing) {
    const {x, y, width, height} = thing.getBoundingClientRect();
    return {x: x - this.left, y: y - this.top, width, height};
  }

  _put(part, {x, y, width, height}) {
    this.parts.push(part);
    [this.x, this.y] = [Math.min(this.x, x), Math.min(this.y, y)];
    this.right = Math.max(this.right, x + width);
    this.bottom = Math.max(this.bottom, y + height);
  }

  _fill(place, fill) {
    this._put(svg("rect", {...place, rx: 2, fill}), place);
  }

  _bar(node) {
    const place = this._place(node);
    this._fill(place, colour("--line"));
    this._fill({...place, width: place.width * Number(node.style.getPropertyValue("--share"))}, colour("--one"));
  }

  _rule(place) {
    this._put(svg("rect", {...place, y: place.y + place.height - 1, height: 1, fill: colour("--line")}), place);
  }

  _copy(drawing) {
    const copy = drawing.cloneNode(true),
      own = [drawing, ...drawing.querySelectorAll("*")],
      place = this._place(drawing);
    for (const [i, element] of [copy, ...copy.querySelectorAll("*")].entries()) {
      const style = getComputedStyle(own[i]);
      element.setAttribute("style", STYLES.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";"));
      element.removeAttribute("class");
    }
    for (const [name, value] of Object.entries({...place, overflow: "visible"})) copy.setAttribute(name, value);
    this._put(copy, place);
  }

  /** Write a text line by line, each as long as on the page, whatever font whoever opens the file has. */
  _write(text, at = null) {
    for (const [line, place] of at ? [[text.data, at]] : this._lines(text)) {
      const style = getComputedStyle(at ? document.body : text.parentElement),
        size = parseFloat(style.fontSize);
      const set = {x: place.x + (at ? 8 : 0), y: place.y + place.height / 2 + size * 0.36, fill: at ? colour("--text") : style.color};
      const font = {"font-family": style.fontFamily, "font-size": at ? 12 : size, "font-weight": style.fontWeight};
      const length = at ? {} : {textLength: place.width, lengthAdjust: "spacingAndGlyphs"};
      this._put(svg("text", {...set, ...font, ...length}, line), place);
    }
  }

  _lines(text) {
    const range = document.createRange(),
      lines = [];
    for (const {index, 0: word} of text.data.matchAll(/\S+/g)) {
      range.setStart(text, index);
      range.setEnd(text, index + word.length);
      const place = this._place(range),
        last = lines.at(-1);
      if (!place.width) continue;
      if (last && Math.abs(last[1].y - place.y) < 2) {
        last[0] += ` ${word}`;
        last[1].width = place.x + place.width - last[1].x;
      } else lines.push([word, place]);
    }
    return lines;
  }
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
