// Figures that bring code are drawn in a sandboxed frame (`framed.py`), which is told what to draw and how the page looks.

import {element, theme} from "./page.js";

const PATIENCE_MS = 15_000; // with a figure's code, which may never end
const LOOK_MS = 5000; // between two looks at whether it has
const AWAY_MS = 1000; // that a browser may take to end the process of frames that are gone
const MOST = 3; // times that a figure is begun
const HIGHEST = 1200; // CSS pixels that it gets
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

// Browsers run all of these in one process: where code of one does not end none goes on, and they have to begin anew. They
// begin one after the other: so one that does not even draw is found out, and the others stay.
const frames = new Set();
let turn = Promise.resolve();

/** A figure's `drawing` in a frame in `host`; `fail(cause)` is called when its code does not end. */
export class Frame {
  constructor(drawing, host, fail) {
    Object.assign(this, {_drawing: drawing, _host: host, _fail: fail, _count: 0});
    this._hear = ({source, data}) => source === this._made?.contentWindow && this._take(data ?? {});
    addEventListener("message", this._hear);
    frames.add(this);
    this._begin();
  }

  dress() {
    this._say({});
  }

  destroy() {
    frames.delete(this);
    removeEventListener("message", this._hear);
    this._leave();
  }

  _begin() {
    turn = turn.then(() => frames.has(this) && this._draw());
  }

  _draw() {
    const saved = document.querySelector("#frame"); // a file has the frame's document with it
    const from = saved ? {srcdoc: JSON.parse(saved.textContent)} : {src: new URL("frame.html", import.meta.url)};
    this._count++;
    this._made = element("iframe", {...from, sandbox: "allow-scripts", title: this._drawing.title});
    this._isTold = this._isDrawn = false;
    this._host.append(this._made);
    this._expect();
    return new Promise((done) => (this._done = done));
  }

  _leave() {
    clearTimeout(this._timer);
    this._made?.remove();
    this._made = null;
    this._done?.(wait(AWAY_MS)); // before the next one begins
  }

  _say(said) {
    this._made?.contentWindow?.postMessage({theme: theme(), ...said}, "*"); // its origin is that of nothing
  }

  _take({isReady, height}) {
    if (isReady && !this._isTold) this._say({drawing: this._drawing}); // once: what code may load there is told nothing
    this._isTold = true;
    if (!(height > 0)) return;
    this._made.style.minHeight = `${Math.min(HIGHEST, height)}px`;
    this._isDrawn = true;
    this._done();
    clearTimeout(this._timer);
    this._timer = setTimeout(() => this._look(), LOOK_MS);
  }

  _look() {
    this._say({});
    this._expect();
  }

  /** Wait until the frame tells its height. */
  _expect() {
    clearTimeout(this._timer);
    this._timer = setTimeout(() => this._giveUp(), PATIENCE_MS);
  }

  _giveUp() {
    const stuck = [...frames].filter((one) => one._made);
    for (const one of stuck) one._leave();
    turn = turn.then(() => wait(AWAY_MS));
    for (const one of stuck) {
      if (!one._isDrawn || one._count === MOST) one._end();
      else one._begin();
    }
  }

  _end() {
    this.destroy();
    this._fail(`Nothing came of it in ${PATIENCE_MS / 1000} s: its code may never end.`);
  }
}
