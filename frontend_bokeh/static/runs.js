// The page of a project's curves: the list of runs, the controls, cards with charts, and the session with the server.

import {Chart, duration, runColor} from "./charts.js";
import {append, fragments} from "./series.js";
import {element, number, theme} from "./page.js";

const Bokeh = window.Bokeh;
const {pull_session} = Bokeh.require("client/connection");
const given = JSON.parse(document.querySelector("#given").textContent);
const $ = (selector) => document.querySelector(selector);

const LIVE_CHARTS = 30; // built at a time; others are built again when they come into view
const ZOOM_WAIT_MS = 120;
const AXES = ["step", "epoch", "relative", "wall"];

// What is shown; kept in the address, so that a link or a reload shows the same.
const view = {smoothing: 0, axis: "step", log: false, columns: 3, runs: "", metrics: "", hidden: new Set(), theme: theme()};

function readAddress() {
  const query = new URLSearchParams(location.search);
  view.smoothing = Math.min(0.999, Math.max(0, Number(query.get("smooth")) || 0));
  view.axis = AXES.includes(query.get("x")) ? query.get("x") : "step";
  view.log = query.get("log") === "1";
  view.columns = [1, 2, 3, 4].includes(Number(query.get("cols"))) ? Number(query.get("cols")) : 3;
  view.runs = query.get("runs") ?? "";
  view.metrics = query.get("metrics") ?? "";
  view.hidden = new Set((query.get("hide") ?? "").split(",").filter(Boolean));
}

function writeAddress() {
  const query = new URLSearchParams();
  if (view.smoothing) query.set("smooth", view.smoothing);
  if (view.axis !== "step") query.set("x", view.axis);
  if (view.log) query.set("log", "1");
  if (view.columns !== 3) query.set("cols", view.columns);
  if (view.runs) query.set("runs", view.runs);
  if (view.metrics) query.set("metrics", view.metrics);
  if (view.hidden.size) query.set("hide", [...view.hidden].join(","));
  history.replaceState(null, "", location.pathname + (query.size ? `?${query}` : ""));
}

const page = {
  view,
  meta: null,
  highlighted: null,
  runs: new Map(), // by number
  cards: new Map(), // by key number
  charts: new Map(), // by key number: those that are built
  blocks: new Map(), // by key number: Map by run number; kept when a chart is taken down

  shownRuns() {
    return [...this.runs.values()].filter((run) => !view.hidden.has(run.id.slice(-12)) && matches(view.runs, run.name));
  },

  hover(chart, event) {
    for (const other of this.charts.values()) if (other !== chart) other.point(event.x);
    showTooltip(chart, chart.point(event.x), event);
  },

  leave() {
    $("#tooltip").hidden = true;
    for (const chart of this.charts.values()) chart.point(null);
  },

  zoom(chart, x0, x1) {
    this.leave();
    clearTimeout(chart.zoomTimer);
    chart.zoomTimer = setTimeout(() => askZoom(chart, Math.min(x0, x1), Math.max(x0, x1)), ZOOM_WAIT_MS);
  },

  zoomEnded(chart) {
    this.cards.get(chart.key).classList.remove("zoomed");
    want([chart.key]);
  },

  drawn(chart, {points, bad, empty, unloggable}) {
    const card = this.cards.get(chart.key);
    card.querySelector(".points").textContent = empty ? "" : `${points.toLocaleString()} points`;
    const notice = bad ? `${bad} not finite` : unloggable ? "no value above 0: nothing to show on a log axis" : "";
    card.querySelector(".notice").textContent = notice;
    card.classList.toggle("empty", empty);
    card.dataset.drawn = "1";
    card.querySelector(".plot").setAttribute("aria-label", describe(chart));
  },
};
window.prevue = page; // for tests and the console

function matches(filter, text) {
  if (!filter) return true;
  try {
    return new RegExp(filter, "i").test(text);
  } catch {
    return text.toLowerCase().includes(filter.toLowerCase());
  }
}

function describe(chart) {
  const {split, name} = page.meta.keys[chart.key];
  const last = chart.curves().map(({run, block}) => `${run.name} ${number(block.columns.last.at(-1))}`);
  return `${split} ${name}; last values: ${last.join(", ") || "none"}`;
}

// The session

let session = null, ui = null, seq = 0;
const asked = new Map(); // seq: {keys, chart}

async function connect() {
  const address = `${location.protocol.replace("http", "ws")}//${location.host}/session/ws`;
  session = await pull_session(address, given.token, "");
  attach();
  session.document.on_message("prevue", take);
  for (const event of ["client_reconnected", "connection_lost"]) {
    session.document.on_event?.(event, () => (event === "connection_lost" ? offline() : attach()));
  }
}

function attach() {
  ui = session.document.get_model_by_name("ui");
  ui.properties.meta.change.connect(() => takeMeta(ui.meta));
  ui.active = !document.hidden;
  if (toObject(ui.meta).rev) takeMeta(ui.meta);
  setPill("live");
  want([...page.charts.keys()]);
}

function offline() {
  setPill("offline");
}

/** Bokeh hands over dicts as Map or as object. */
function toObject(value) {
  if (value instanceof Map) return Object.fromEntries([...value].map(([name, inner]) => [name, toObject(inner)]));
  if (Array.isArray(value)) return value.map(toObject);
  return value;
}

function request(req) {
  ui.req = {seq: ++seq, watch: [...page.charts.keys()].filter((key) => !page.charts.get(key).window), ...req};
  return seq;
}

function want(keys) {
  const runs = page.shownRuns().map((run) => run.no);
  if (!ui || !keys.length || !runs.length) return;
  asked.set(request({kind: "want", keys, runs, px: plotWidth()}), {keys});
}

function askZoom(chart, x0, x1) {
  if (!ui) return;
  const [low, high] = stepRange(chart, x0, x1);
  chart.zoomSeq = request({kind: "zoom", keys: [chart.key], runs: page.shownRuns().map((run) => run.no), px: plotWidth(), low, high});
  asked.set(chart.zoomSeq, {keys: [chart.key], chart, x: [x0, x1]});
}

/** The steps that an axis's range stands for, in whatever run: blocks are asked for by step. */
function stepRange(chart, x0, x1) {
  if (view.axis === "step") return [Math.floor(x0), Math.ceil(x1)];
  let low = Infinity, high = -Infinity;
  for (const {block, x} of chart.curves()) {
    for (let i = 0; i < x.length; i++) {
      if (x[i] < x0) low = Math.min(low, Math.max(block.columns.step[i], low === Infinity ? -Infinity : low));
      if (x[i] >= x0 && x[i] <= x1) {
        low = Math.min(low, block.columns.step[Math.max(0, i - 1)]);
        high = Math.max(high, block.columns.step[i]);
      }
    }
  }
  return Number.isFinite(low) && Number.isFinite(high) ? [low, high] : [null, null];
}

function plotWidth() {
  return Math.round($(".plot")?.clientWidth || 400);
}

function take(message) {
  const {kind, buf, live, re, error, zoom} = toObject(message);
  const buffer = buf instanceof ArrayBuffer ? buf : buf?.buffer ?? new ArrayBuffer(0);
  if (kind === "tick") return takeTick(live, buffer);
  const question = asked.get(re);
  asked.delete(re);
  if (!question) return undefined;
  if (error) return showError(question.keys, error);
  return zoom ? takeZoom(question, re, buffer) : takeBlocks(question.keys, buffer);
}

function takeBlocks(keys, buffer) {
  for (const part of fragments(buffer)) blocksOf(part.key).set(part.run, part);
  for (const key of keys) page.charts.get(key)?.draw();
  if (page.meta) setPill("live");
}

function takeZoom({chart, x}, re, buffer) {
  if (chart.zoomSeq !== re) return; // a later zoom was asked for meanwhile
  const blocks = new Map();
  for (const part of fragments(buffer)) blocks.set(part.run, part);
  chart.window = {x, blocks};
  page.cards.get(chart.key).classList.add("zoomed");
  chart.draw();
}

function takeTick(live, buffer) {
  for (const [no, step, split, name, value] of live) {
    const run = page.runs.get(no);
    if (run) run.live = [step, split, name, value];
  }
  const touched = new Set(), missing = new Set();
  const shown = new Set(page.shownRuns().map((run) => run.no));
  for (const part of fragments(buffer)) {
    const block = blocksOf(part.key).get(part.run);
    const result = block ? append(block, part) : "gap";
    if (result === "gap" && !shown.has(part.run)) blocksOf(part.key).delete(part.run); // asked for when it is shown
    else if (result === "gap") missing.add(part.key);
    else if (result === "ok") touched.add(part.key);
  }
  // Points behind buckets would make a noisier tail: a block that has doubled is asked for anew, in buckets.
  for (const key of touched) {
    const rows = Math.max(...[...blocksOf(key).values()].map((block) => block.columns.step.length));
    if (rows > 3 * plotWidth()) missing.add(key);
    const chart = page.charts.get(key);
    if (chart && !chart.window) chart.draw();
  }
  want([...missing]);
  drawRunValues();
}

function blocksOf(key) {
  if (!page.blocks.has(key)) page.blocks.set(key, new Map());
  return page.blocks.get(key);
}

function takeMeta(given) {
  page.meta = toObject(given);
  page.runs = new Map(page.meta.runs.map((run) => [run.no, run]));
  $("#banner").hidden = !page.meta.error;
  $("#banner").textContent = page.meta.error ?? "";
  drawRuns();
  drawCards();
  refetch();
}

function refetch() {
  want([...page.charts.keys()].filter((key) => page.shownRuns().some((run) => run.keys.includes(key) && !blocksOf(key).has(run.no))));
}

function setPill(state) {
  const running = [...page.runs.values()].filter((run) => run.state === "running").length;
  $("#pill").dataset.state = state;
  $("#pill-text").textContent = state === "live" ? (running ? "live" : "ready") : state;
  $("#banner").hidden = state === "live" && !page.meta?.error;
  if (state === "offline") $("#banner").textContent = "Connection lost; reconnecting. What is shown stays.";
}

function showError(keys, text) {
  for (const key of keys) page.cards.get(key)?.querySelector(".notice").replaceChildren(`not loaded: ${text}`);
}

// The list of runs

function drawRuns() {
  const list = $("#runs");
  const rows = [...page.runs.values()].filter((run) => matches(view.runs, run.name)).map(runRow);
  list.replaceChildren(...rows);
  $("#runs-count").textContent = `${page.shownRuns().length} of ${page.runs.size} shown`;
  $("#no-runs").hidden = page.runs.size > 0;
  $("#no-match").hidden = page.runs.size === 0 || rows.length > 0;
  drawRunValues();
}

function runRow(run) {
  const short = run.id.slice(-12);
  const shown = !view.hidden.has(short);
  const toggle = () => {
    if (view.hidden.has(short)) view.hidden.delete(short);
    else view.hidden.add(short);
    writeAddress();
    drawRuns();
    redraw();
    refetch();
  };
  const row = element("li", {class: `run${shown ? "" : " off"}`, "data-no": run.no},
    element("button", {class: "eye", "aria-pressed": String(shown), "aria-label": `show ${run.name}`, onclick: toggle}),
    element("span", {class: "swatch", style: `--run: ${runColor(run.no, view.theme)}`}),
    element("span", {class: "run-name", title: run.id}, run.name),
    element("span", {class: "run-value"}),
    element("span", {class: "run-state", "data-state": run.state}, run.state),
    element("span", {class: "run-step"}));
  row.addEventListener("mouseenter", () => highlight(run.no));
  row.addEventListener("mouseleave", () => highlight(null));
  return row;
}

function drawRunValues() {
  for (const row of document.querySelectorAll(".run")) {
    const [step, split, name, value] = page.runs.get(Number(row.dataset.no)).live;
    row.querySelector(".run-step").textContent = step === null ? "" : `step ${step.toLocaleString()}`;
    row.querySelector(".run-value").textContent = name === null ? "" : number(value);
    row.querySelector(".run-value").title = name === null ? "" : `${split}/${name}`;
  }
  const running = [...page.runs.values()].filter((run) => run.state === "running").length;
  $("#runs-foot").textContent = `${page.runs.size} runs · ${running} running`;
}

function highlight(no) {
  page.highlighted = no;
  redraw();
}

// Cards

function drawCards() {
  if (!page.meta) return; // a filter was typed into before the session was open
  const keys = page.meta.keys.map((key, number) => ({...key, number}))
    .filter((key) => matches(view.metrics, `${key.split}/${key.name}`));
  const sections = new Map();
  for (const key of keys) {
    const title = key.split === "system" ? "system" : key.name.includes("/") ? key.name.split("/")[0] : "metrics";
    if (!sections.has(title)) sections.set(title, []);
    sections.get(title).push(key);
  }
  // Train, val and test of one name stand side by side.
  const order = (key) => `${key.name}\u0000${["train", "val", "test"].indexOf(key.split) + 1 || 9}${key.split}`;
  const made = [...sections].sort(([a], [b]) => (a === "metrics" ? -1 : b === "metrics" ? 1 : a < b ? -1 : 1)).map(([title, members]) => {
    members.sort((a, b) => (order(a) < order(b) ? -1 : 1));
    const closed = document.querySelector(`details[data-title="${CSS.escape(title)}"]:not([open])`);
    return element("details", {class: "section", "data-title": title, open: closed ? null : ""},
      element("summary", {}, title, element("span", {class: "count"}, String(members.length))),
      element("div", {class: "cards"}, ...members.map(card)));
  });
  $("#sections").replaceChildren(...made);
  $("#sections").style.setProperty("--columns", view.columns);
  for (const [key] of page.cards) if (!keys.some((one) => one.number === key)) takeDown(key);
  $("#no-metrics").hidden = keys.length > 0 || page.runs.size === 0;
  look();
}

function card(key) {
  if (page.cards.has(key.number)) return page.cards.get(key.number);
  const tool = (name, label, action) => element("button", {class: `tool ${name}`, "aria-label": label, title: label, onclick: action});
  const chart = () => page.charts.get(key.number);
  const save = async (kind) => {
    const blob = kind === "csv" ? chart().csv() : await chart().image(kind);
    const link = element("a", {href: URL.createObjectURL(blob), download: `${key.split}-${key.name.replaceAll("/", "-")}.${kind}`});
    link.click();
    URL.revokeObjectURL(link.href);
  };
  const made = element("article", {class: "card", "data-key": key.number, "aria-label": `${key.split}/${key.name}`},
    element("header", {},
      element("h3", {}, element("span", {class: "split"}, `${key.split}/`), key.name),
      element("span", {class: "points"}),
      element("div", {class: "tools"},
        tool("reset", "reset zoom", () => chart()?.reset()),
        ...["png", "svg", "csv"].map((kind) => tool(kind, `save ${kind.toUpperCase()}`, () => save(kind))))),
    element("div", {class: "plot", role: "img", "aria-label": `${key.split}/${key.name}`}),
    element("p", {class: "notice", role: "status"}));
  page.cards.set(key.number, made);
  return made;
}

// Charts are built when their card comes into view, one a frame, and the longest unseen are taken down.

const inView = new Set();
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const key = Number(entry.target.dataset.key);
    if (entry.isIntersecting) inView.add(key);
    else inView.delete(key);
  }
  clearTimeout(watcher.timer);
  watcher.timer = setTimeout(buildVisible, 80);
}, {rootMargin: "200px"});

function look() {
  watcher.disconnect();
  inView.clear();
  for (const one of document.querySelectorAll(".card")) watcher.observe(one);
}

let building = null;
async function buildVisible() {
  if (building) return building;
  building = (async () => {
    for (;;) {
      const missing = [...inView].filter((key) => !page.charts.has(key) && page.cards.get(key)?.isConnected);
      if (!missing.length) break;
      want(missing.filter((key) => ![...asked.values()].some((question) => question.keys.includes(key))));
      for (const key of missing) {
        if (!inView.has(key)) continue;
        const chart = new Chart(key, page.cards.get(key).querySelector(".plot"), given.spec, page);
        chart.blocks = blocksOf(key);
        page.charts.set(key, chart);
        await chart.build();
        chart.dress();
        await new Promise(requestAnimationFrame);
      }
      const unseen = [...page.charts.keys()].filter((key) => !inView.has(key));
      for (const key of unseen.slice(0, Math.max(0, page.charts.size - LIVE_CHARTS))) takeDown(key);
    }
    request({kind: "watch", keys: []});
  })();
  try {
    await building;
  } finally {
    building = null;
  }
  return undefined;
}

function takeDown(key) {
  page.charts.get(key)?.destroy();
  page.charts.delete(key);
}

function redraw() {
  for (const chart of page.charts.values()) chart.draw();
}

function dressAll() {
  for (const chart of page.charts.values()) chart.dress();
}

// The tooltip: one row a run, the greatest value first, the nearest to the pointer in bold.

function showTooltip(chart, rows, event) {
  const box = $("#tooltip");
  if (!rows.length) {
    box.hidden = true;
    return;
  }
  rows.sort((a, b) => b.value - a.value);
  const near = rows.reduce((best, row) => (Math.abs(row.value - event.y) < Math.abs(best.value - event.y) ? row : best));
  const {step, epoch} = near;
  const at = view.axis === "relative" ? duration(near.x) : view.axis === "wall" ? new Date(near.x * 1000).toLocaleString() : `step ${step.toLocaleString()}`;
  const head = element("div", {class: "tip-head"}, at + (Number.isNaN(epoch) ? "" : ` · epoch ${epoch}`));
  const lines = rows.slice(0, 20).map((row) => element("div", {class: `tip-row${row === near ? " near" : ""}`},
    element("span", {class: "swatch", style: `--run: ${runColor(row.run.no, view.theme)}`}),
    element("span", {class: "tip-name"}, row.run.name),
    element("span", {}, number(row.value)),
    element("span", {class: "tip-raw"}, row.count > 1 ? `${number(row.low)} … ${number(row.high)} (${row.count})` : view.smoothing ? number(row.mean) : "")));
  box.replaceChildren(head, ...lines);
  box.hidden = false;
  const host = chart.host.getBoundingClientRect();
  const left = host.left + event.sx + 16, top = host.top + event.sy + 12;
  box.style.left = `${Math.max(8, left + box.offsetWidth > innerWidth - 8 ? host.left + event.sx - box.offsetWidth - 16 : left)}px`;
  box.style.top = `${Math.max(8, Math.min(top, innerHeight - box.offsetHeight - 8))}px`;
}

// Controls

function showControls() {
  $("#smoothing").value = view.smoothing;
  $("#smoothing-value").textContent = view.smoothing.toFixed(view.smoothing > 0.99 ? 3 : 2);
  $("#log").checked = view.log;
  $("#run-filter").value = view.runs;
  $("#metric-filter").value = view.metrics;
  for (const button of document.querySelectorAll("[data-axis]")) button.setAttribute("aria-checked", String(button.dataset.axis === view.axis));
  for (const button of document.querySelectorAll("[data-columns]")) button.setAttribute("aria-checked", String(Number(button.dataset.columns) === view.columns));
}

function change(changes, apply) {
  Object.assign(view, changes);
  writeAddress();
  showControls();
  apply();
}

function setAxis(axis) {
  change({axis}, () => {
    page.charts.forEach((chart) => chart.reset());
    dressAll();
  });
}

const setSmoothing = (value) => change({smoothing: Math.min(0.999, Math.max(0, Number(value)))}, redraw);

$("#smoothing").addEventListener("input", (event) => setSmoothing(event.target.value));
$("#log").addEventListener("change", (event) => change({log: event.target.checked}, dressAll));
$("#reset").addEventListener("click", () => page.charts.forEach((chart) => chart.reset()));
for (const button of document.querySelectorAll("[data-axis]")) button.addEventListener("click", () => setAxis(button.dataset.axis));
for (const button of document.querySelectorAll("[data-columns]")) {
  button.addEventListener("click", () => change({columns: Number(button.dataset.columns)}, drawCards));
}
for (const [id, name, apply] of [["#run-filter", "runs", () => { drawRuns(); redraw(); refetch(); }], ["#metric-filter", "metrics", drawCards]]) {
  $(id).addEventListener("input", (event) => {
    let bad = false;
    try { new RegExp(event.target.value); } catch { bad = true; }
    event.target.setAttribute("aria-invalid", String(bad));
    change({[name]: event.target.value}, apply);
  });
}
document.addEventListener("prevue-theme", (event) => {
  view.theme = event.detail;
  drawRuns();
  dressAll();
});
document.addEventListener("visibilitychange", () => {
  if (!ui) return;
  ui.active = !document.hidden;
  if (!document.hidden) want([...page.charts.keys()].filter((key) => !page.charts.get(key).window));
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    event.target.blur?.();
    $("#keys").close?.();
    return;
  }
  if (event.target.closest("input, select, textarea")) return;
  const act = {
    "/": () => $("#run-filter").focus(),
    m: () => $("#metric-filter").focus(),
    "[": () => setSmoothing(view.smoothing - 0.05),
    "]": () => setSmoothing(view.smoothing + 0.05),
    x: () => setAxis(AXES[(AXES.indexOf(view.axis) + 1) % AXES.length]),
    r: () => page.charts.forEach((chart) => chart.reset()),
    "?": () => $("#keys").showModal(),
  }[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});

readAddress();
showControls();
connect().catch((error) => {
  offline();
  $("#banner").hidden = false;
  $("#banner").textContent = `The dashboard's session could not be opened: ${error.message ?? error}. Reload to try again.`;
});
