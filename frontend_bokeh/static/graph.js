// The drawn graph of a model: Bokeh's figure from its cached JSON in a document of its own, which the browser moves,
// enlarges and colours. One unit of the figure is one CSS pixel, times the scale.

const Bokeh = window.Bokeh;
const {Document} = Bokeh.require("document");
const {add_document_standalone} = Bokeh.require("embed/standalone");

const MARGIN = 24; // around the graph, CSS pixels
const FONTS = ['bold 12px "Inter"', '10px "JetBrains Mono"']; // Bokeh measures its texts once
const SMALLEST = 0.1, LARGEST = 3, READABLE = 0.85; // scales; a big graph begins readable, at its top
const LEGIBLE_PX = 4; // smaller letters are left out
const THIN = {line: 1.2, box: 1.3}, THICK = {line: 2.2, box: 3};

const between = (low, value, high) => Math.min(high, Math.max(low, value));

/** `given`: what `figures/graph.py` made. `chosen` is called with the number of a box that is clicked, or null. */
export class Graph {
  constructor(given, host, chosen) {
    this.given = given;
    this.host = host;
    this.box = null; // the chosen one
    this._chosen = chosen;
  }

  async build(theme) {
    await Promise.all(FONTS.map((font) => document.fonts.load(font)));
    this.document = Document.from_json(this.given.spec);
    this.plot = this.document.get_model_by_name("plot");
    this.sources = Object.fromEntries(["boxes", "lines", "heads"].map((name) => [name, this.document.get_model_by_name(name)]));
    const glyphs = this.plot.renderers.map((renderer) => renderer.glyph);
    this._texts = ["name", "note"].map((name) => glyphs.find((glyph) => glyph.name === name));
    this._shape = glyphs.find((glyph) => glyph.border_radius !== undefined);
    this.plot.js_event_callbacks = {
      tap: [({x, y}) => this._chosen(this.at(x, y))],
      doubletap: [({x, y}) => this._tapTwice(this.at(x, y))], // also two taps at two places, one soon after the other
      rangesupdate: [() => this._resize()],
    };
    this.view = Array.from(await add_document_standalone(this.document, this.host))[0];
    this.view.notify_about = () => {}; // "use ctrl + scroll to zoom", at each scroll of the page
    this.view.canvas_view.events_el.tabIndex = -1; // the host is what keys go to
    this.dress(theme);
    this.show(READABLE);
    new ResizeObserver(() => this._keep()).observe(this.host);
  }

  _tapTwice(box) {
    this._chosen(box);
    if (box === null) this.show();
  }

  /** The number of the box at a point of the figure, or null. */
  at(x, y) {
    const [width, height] = this.given.box;
    const found = this.given.boxes.findIndex(({at}) => Math.abs(at[0] - x) <= width / 2 && Math.abs(at[1] - y) <= height / 2);
    return found < 0 ? null : found;
  }

  /** Choose a box (null: none): it and its lines stand out, and it comes into view. */
  choose(box) {
    this.box = box;
    this._colour();
    if (box !== null) this._reveal(this.given.boxes[box].at);
  }

  dress(theme) {
    this._palette = this.given.palette[theme];
    this._colour();
  }

  _colour() {
    const {boxes, lines, heads} = this.sources;
    const kinds = boxes.data.kind.map((kind) => this._palette.kinds[kind]);
    const isChosen = this.given.lines.map((ends) => ends.includes(this.box));
    const color = isChosen.map((is) => this._palette.lines[is ? 1 : 0]);
    boxes.data = {
      ...boxes.data,
      ...Object.fromEntries(["fill", "line", "ink"].map((part, place) => [part, kinds.map((colors) => colors[place])])),
      width: kinds.map((_, number) => (number === this.box ? THICK.box : THIN.box)),
    };
    lines.data = {...lines.data, color, width: isChosen.map((is) => (is ? THICK.line : THIN.line))};
    heads.data = {...heads.data, color};
  }

  // What is in view

  get scale() {
    return this._size[0] / (this.plot.x_range.end - this.plot.x_range.start);
  }

  get _size() {
    return [this.host.clientWidth, this.host.clientHeight].map((length) => length - 2 * this.given.border);
  }

  get _centre() {
    return ["x_range", "y_range"].map((name) => (this.plot[name].start + this.plot[name].end) / 2);
  }

  /** Show the whole graph, or its top at a scale of at least `least`. */
  show(least = SMALLEST) {
    const [width, height] = this._size, [wide, high] = this.given.size.map((length) => length + 2 * MARGIN);
    const scale = between(least, Math.min(width / wide, height / high), 1);
    const middle = this.given.boxes[0].at[0];
    const x = wide * scale <= width ? this.given.size[0] / 2 : between(width / scale / 2 - MARGIN, middle, wide - width / scale / 2 - MARGIN);
    this._look([x, Math.max(this.given.size[1] / 2, 0)], scale);
    if (high * scale > height || least > SMALLEST) this._look([x, height / scale / 2 - MARGIN], scale);
  }

  zoom(factor) {
    this._look(this._centre, this.scale * factor);
  }

  _look([x, y], scale) {
    const kept = between(SMALLEST, scale, LARGEST), [width, height] = this._size;
    this._last = kept;
    this.plot.x_range.setv({start: x - width / kept / 2, end: x + width / kept / 2});
    this.plot.y_range.setv({start: y + height / kept / 2, end: y - height / kept / 2});
    this._resize();
  }

  /** Keep the scale when the host's size changes. */
  _keep() {
    if (this.host.clientWidth && this.host.clientHeight) this._look(this._centre, this._last);
  }

  _reveal([x, y]) {
    const half = this.given.box.map((length) => length / 2 + MARGIN), seen = this._size.map((length) => length / this.scale / 2);
    const moved = [x, y].map((at, axis) => {
      const room = Math.max(0, seen[axis] - half[axis]);
      return between(at - room, this._centre[axis], at + room);
    });
    this._look(moved, this.scale);
  }

  /** Letters and corners have sizes in CSS pixels: let them grow with the rest. */
  _resize() {
    this._last = this.scale;
    this._texts.forEach((glyph, number) => {
      const size = this.given.fonts[number] * this.scale;
      glyph.text_font_size = {value: `${size < LEGIBLE_PX ? 0 : size.toFixed(2)}px`};
    });
    this._shape.border_radius = Math.round(7 * this.scale);
  }
}
