// What is shown and how. It is kept in the address, so that a link or a reload shows the same.

import {theme} from "./page.js";

export const AXES = ["step", "epoch", "relative", "wall"];
const SORTS = ["newest", "oldest", "name", "state", "value"];
const COLUMNS = [1, 2, 3, 4];
const SHORT_ID = 12; // characters of a run's id that stand in the address

export const view = {
  smoothing: 0,
  axis: "step", // one of AXES, or "metric"
  over: "", // key of the metric that is the x axis then
  log: false, // the y axis
  logX: false,
  robust: false, // the y axis leaves outliers out
  together: false, // all splits of a metric are in one chart
  rank: 0, // of distributed trainings: a process, or "all"
  group: "", // key of the configuration by which runs are grouped; none: they are not
  events: true, // are marked on the curves
  linked: true, // the cursor of one chart shows in all
  columns: 3,
  runs: "", // filters
  metrics: "",
  sort: "newest",
  hidden: new Set(), // short ids
  only: new Set(), // short ids; none: all runs are listed
  pins: new Set(), // keys of charts that stand first
  found: {runs: new Set(), isFilter: false, error: "", byName: false}, // what the server has found (seek.js), by id
  zoom: new Map(), // by chart: from and to on the x axis
  theme: theme(),
};

const listeners = [];

/** Call `listener` with the names of what changed, each time. */
export function onChange(listener) {
  listeners.push(listener);
}

/** Show something else. */
export function change(changes) {
  Object.assign(view, changes);
  writeAddress();
  for (const listener of listeners) listener(new Set(Object.keys(changes)));
}

const oneOf = (values, value, otherwise) => (values.includes(value) ? value : otherwise);

export function readAddress() {
  const query = new URLSearchParams(location.search);
  view.smoothing = clamped(query.get("smooth"));
  const x = query.get("x") ?? "";
  [view.axis, view.over] = x.includes("/") ? ["metric", x] : [oneOf(AXES, x, "step"), ""];
  view.log = query.get("log") === "1";
  view.logX = query.get("logx") === "1";
  view.robust = query.get("robust") === "1";
  view.together = query.get("splits") === "together";
  view.pins = new Set(query.getAll("pin"));
  view.rank = readRank(query.get("rank"));
  view.group = query.get("group") ?? "";
  view.events = query.get("events") !== "0";
  view.linked = query.get("link") !== "0";
  view.columns = oneOf(COLUMNS, Number(query.get("cols")), 3);
  view.runs = query.get("runs") ?? "";
  view.found.isFilter = isFilter(view.runs); // nothing yet
  view.metrics = query.get("metrics") ?? "";
  view.sort = oneOf(SORTS, query.get("sort"), "newest");
  view.hidden = new Set((query.get("hide") ?? "").split(",").filter(Boolean));
  view.only = new Set((query.get("only") ?? "").split(",").filter(Boolean));
  view.zoom = new Map(query.getAll("zoom").map(readZoom).filter(Boolean));
}

/** Return "all" or the number of a process. */
export function readRank(text) {
  return text === "all" ? "all" : /^\d{1,8}$/.test(text ?? "") ? Number(text) : 0;
}

function readZoom(text) {
  const found = /^(.+)~(-?[\d.e+-]+)~(-?[\d.e+-]+)$/.exec(text);
  const range = found?.slice(2).map(Number);
  return range?.every(Number.isFinite) && range[0] < range[1] ? [found[1], range] : null;
}

function writeAddress() {
  const query = new URLSearchParams();
  if (view.smoothing) query.set("smooth", view.smoothing);
  if (view.axis !== "step") query.set("x", view.over || view.axis);
  if (view.log) query.set("log", "1");
  if (view.logX) query.set("logx", "1");
  if (view.robust) query.set("robust", "1");
  if (view.together) query.set("splits", "together");
  for (const key of view.pins) query.append("pin", key);
  if (view.rank !== 0) query.set("rank", view.rank);
  if (view.group) query.set("group", view.group);
  if (!view.events) query.set("events", "0");
  if (!view.linked) query.set("link", "0");
  if (view.columns !== 3) query.set("cols", view.columns);
  if (view.runs) query.set("runs", view.runs);
  if (view.metrics) query.set("metrics", view.metrics);
  if (view.sort !== "newest") query.set("sort", view.sort);
  if (view.hidden.size) query.set("hide", [...view.hidden].join(","));
  if (view.only.size) query.set("only", [...view.only].join(","));
  for (const [key, [from, to]] of view.zoom) query.append("zoom", `${key}~${+from.toPrecision(12)}~${+to.toPrecision(12)}`);
  history.replaceState(null, "", location.pathname + (query.size ? `?${query}` : ""));
}

/** Whether the x axis is logarithmic now; of times of day there is no such axis. */
export const isLogX = () => view.logX && view.axis !== "wall";

/** Return a weight for smoothing: 1 would be a flat line. */
export function clamped(weight) {
  return Math.min(0.999, Math.max(0, Math.round(Number(weight) * 1000) / 1000 || 0));
}

export const isHidden = (run) => view.hidden.has(shortId(run));

/** Whether what is typed for runs is in the filter language, and not a name; of a name such a sign is no usual part. */
export const isFilter = (text) => /[<>=~]/.test(text);

export const shortId = (run) => run.id.slice(-SHORT_ID);
const isThere = (run) => run.is_newest || view.found.runs.has(run.id);
const isChosen = (run) => !view.only.size || view.only.has(shortId(run));

/** Whether a run passes what is typed: by its name, or because the server has found it. */
function passes(run) {
  if (!isFilter(view.runs) || view.found.byName) return matches(view.runs, run.name);
  return !view.found.isFilter || view.found.runs.has(run.id);
}

export const isListed = (run) => isThere(run) && isChosen(run) && passes(run);
export const isShown = (run) => !isHidden(run) && isListed(run);

/** Hide some runs, and show the others of those given. */
export function hide(runs, isToHide) {
  const hidden = new Set(view.hidden);
  for (const run of runs) {
    if (isToHide(run)) hidden.add(shortId(run));
    else hidden.delete(shortId(run));
  }
  change({hidden});
}

export function isRegex(text) {
  try {
    return Boolean(new RegExp(text));
  } catch {
    return false;
  }
}

/** Return whether a filter lets a text through; what is no regex is looked for as it is. */
export function matches(filter, text) {
  if (!filter) return true;
  return isRegex(filter) ? new RegExp(filter, "i").test(text) : text.toLowerCase().includes(filter.toLowerCase());
}
