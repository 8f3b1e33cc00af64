// Figures that bring code are drawn in a sandboxed frame (`framed.py`), which is told what to draw and how the page looks.

import {element, theme} from "./page.js";

const PATIENCE_MS = 30_000; // with a figure that does not draw: its code may never end
const HIGHEST = 1200; // CSS pixels that a figure gets

/** Show a figure's `drawing` in a frame in `host`; `fail(cause)` is called if nothing comes of it. */
export function frame(drawing, host, fail) {
  const saved = document.querySelector("#frame"); // a file has the frame's document with it
  const from = saved ? {srcdoc: JSON.parse(saved.textContent)} : {src: new URL("frame.html", import.meta.url)};
  const made = element("iframe", {...from, sandbox: "allow-scripts", title: drawing.title});
  const say = (more) => made.contentWindow?.postMessage({theme: theme(), ...more}, "*"); // its origin is that of nothing
  let isTold = false;
  const hear = ({source, data}) => {
    if (source !== made.contentWindow) return;
    if (data?.isReady && !isTold) say({drawing}); // once: what code may load there later is told nothing
    isTold = true;
    if (!(data?.height > 0)) return;
    clearTimeout(timer);
    made.style.minHeight = `${Math.min(HIGHEST, data.height)}px`;
  };
  const destroy = () => {
    clearTimeout(timer);
    removeEventListener("message", hear);
    made.remove();
  };
  const timer = setTimeout(() => {
    destroy();
    fail(`It has drawn nothing in ${PATIENCE_MS / 1000} s.`);
  }, PATIENCE_MS);
  addEventListener("message", hear);
  host.append(made);
  return {dress: () => say({}), destroy};
}
