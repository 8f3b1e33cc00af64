// Bokeh's figures in pages: each from its JSON into a document of its own, and gone without a trace.

const Bokeh = window.Bokeh;
const {Document} = Bokeh.require("document");
const {add_document_standalone} = Bokeh.require("embed/standalone");

// A button that is held for 0.3 s without a move is no drag to Bokeh: a hand that rests, or a busy page, and nothing zooms.
Bokeh.require("core/ui_gestures").UIGestures.press_threshold = 2 ** 31 - 1; // ms; the longest that a timer takes

// Bokeh before 3.10.2 never lets go of this listener, and with it of the whole figure: it is tied to a signal per figure.
let signal = null;
const viewport = window.visualViewport;
if (viewport) {
  const listen = viewport.addEventListener.bind(viewport);
  viewport.addEventListener = (type, listener, options) =>
    listen(type, listener, signal ? {...(typeof options === "object" ? options : {}), signal} : options);
}

/** Give every model of a document's JSON an id of its own; ids are found by walking, as text may look like one. */
let clones = 0;
function clone(spec) {
  const prefix = `e${++clones}_`;
  const walk = (value) => {
    if (Array.isArray(value)) return value.map(walk);
    if (value === null || typeof value !== "object") return value;
    const keys = Object.keys(value);
    const isReference = value.type === "object" || (keys.length === 1 && keys[0] === "id");
    return Object.fromEntries(keys.map((key) => [key, key === "id" && isReference ? prefix + value.id : walk(value[key])]));
  };
  return walk(spec);
}

let last = Promise.resolve(); // figures are built one after the other: what they listen to would else get another's signal

/**
 * Draw a figure in `host`; `prepare(document)` is called before it is drawn. What comes back has its `document`, its
 * `views`, and `destroy()`. Throws what Bokeh does.
 */
export function embed(spec, host, prepare = () => {}) {
  const built = last.then(() => build(spec, host, prepare));
  last = built.catch(() => {});
  return built;
}

async function build(spec, host, prepare) {
  const abort = new AbortController();
  let views = null, model = null;
  const destroy = () => {
    abort.abort();
    for (const root of views?.roots ?? []) root.remove(); // the plot's, and one for Bokeh's own notices
    const at = Bokeh.documents.indexOf(model);
    if (at >= 0) Bokeh.documents.splice(at, 1);
    model?.clear();
    host.replaceChildren();
  };
  signal = abort.signal;
  try {
    model = Document.from_json(clone(spec));
    prepare(model);
    views = await add_document_standalone(model, host);
  } catch (error) {
    destroy();
    throw error;
  } finally {
    signal = null;
  }
  for (const view of views) {
    if (view.notify_about) view.notify_about = () => {}; // "use ctrl + scroll to zoom", at each scroll of the page
    const events = view.canvas_view?.events_el;
    if (events) events.tabIndex = -1; // nothing in it works by key
  }
  return {document: model, views, destroy};
}
