// Sections with a card for each key. Charts are built when their card is in view and their numbers are there, few a frame,
// and those that are out of it longest are taken down: a page of hundreds of cards has few charts.

import {newCard, placelessText, tell} from "./cardtext.js";
import {Chart} from "./charts.js";
import {element, icon} from "./page.js";
import {rowsBetween} from "./places.js";
import {isOfAll, orderOf} from "./splits.js";
import {Tools} from "./tools.js";
import {startWalking} from "./walk.js";
import {change, matches, view} from "./view.js";

const LIVE_CHARTS = 30;
const BUILT_MS = 40; // after so long of a frame no further chart is begun in it
const DRAWN_A_FRAME = 2;
const ZOOM_WAIT_MS = 120;
const LOOK_WAIT_MS = 80;
// Of a zoom's width: what is asked for beside it, so that lines come from the edges and a short average has its past.
const BEFORE = 0.1, BEHIND = 0.02;

export class Cards {
  /** `host`: where sections go. `tooltip`: `show(chart, event)` and `hide()`. `pointed(run)`: a curve is pointed at. */
  constructor(host, spec, project, tooltip, pointed) {
    this.charts = new Map(); // by key: those that are built
    this.highlighted = null; // id of the run that stands out
    this._cards = new Map(); // by key
    this._host = host;
    this._spec = spec;
    this._project = project;
    this._tooltip = tooltip;
    this._pointed = pointed;
    this._tools = new Tools(host, this);
    this._inView = new Set();
    this._unasked = new Map(); // keys whose cards have come near without a chart, and whether they can be seen already
    this._due = new Set(); // keys whose charts are to be drawn anew
    this._grown = new Set(); // keys whose charts are out of view and are to be drawn when they come back
    this._shownKeys = "";
    this._watcher = new IntersectionObserver((entries) => this._seen(entries), {rootMargin: "200px"});
  }

  /** Keys of the charts that follow what is logged. */
  watched() {
    return this._needed().filter((key) => !view.zoom.has(key) || key === view.over);
  }

  /** Keys of which blocks are needed: those of the charts, also of those to come, and of the metric that is the x axis. */
  _needed() {
    return [...new Set([...this.charts.keys(), ...this._missing(), ...(this._project.keys.has(view.over) ? [view.over] : [])])];
  }

  /** Show the cards of the keys that pass the filter; return how many. */
  arrange() {
    const keys = this._project.shownKeys().filter((key) => matches(view.metrics, isOfAll(key.id) ? key.name : key.id));
    this._host.style.setProperty("--columns", view.columns);
    const shown = JSON.stringify(keys.map((key) => [key.id, view.pins.has(key.id)]));
    if (shown !== this._shownKeys) {
      this._shownKeys = shown;
      this._layOut(keys);
    }
    return keys.length;
  }

  _layOut(keys) {
    const sections = Map.groupBy(keys, sectionOf);
    const rank = (title) => ["pinned", "metrics", undefined, "system"].indexOf(["pinned", "metrics", "system"].includes(title) ? title : undefined);
    const titles = [...sections.keys()].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
    const closed = new Set([...this._host.querySelectorAll("details:not([open])")].map((one) => one.dataset.title));
    this._host.replaceChildren(...titles.map((title) => this._section(title, sections.get(title), !closed.has(title))));
    const ids = new Set(keys.map((key) => key.id));
    for (const key of [...this.charts.keys()].filter((one) => !ids.has(one))) this._takeDown(key);
    this._watcher.disconnect();
    this._inView.clear();
    this._unasked.clear();
    for (const card of this._host.querySelectorAll(".card")) this._watcher.observe(card);
  }

  _section(title, keys, isOpen) {
    const order = (key) => `${key.name}\u0000${orderOf(key.split)}${key.split}`;
    keys.sort((a, b) => (order(a) < order(b) ? -1 : 1));
    return element("details", {class: "section", "data-title": title, open: isOpen ? "" : null},
      element("summary", {}, icon("chevron"), element("h2", {}, title), element("span", {class: "count"}, String(keys.length))),
      element("div", {class: "cards"}, ...keys.map((key) => this._card(key))));
  }

  _card(key) {
    if (this._cards.has(key.id)) return this._cards.get(key.id);
    const card = newCard(key, this._tools.of(key));
    startWalking(card.querySelector(".plot"), () => this.charts.get(key.id), this);
    this._cards.set(key.id, card);
    return card;
  }

  // Building

  _seen(entries) {
    for (const {target, isIntersecting, boundingClientRect: {top, bottom}} of entries) {
      const {key} = target.dataset;
      if (isIntersecting) this._inView.add(key);
      else this._inView.delete(key);
      if (isIntersecting && !this.charts.has(key)) this._unasked.set(key, bottom > 0 && top < innerHeight);
      else this._unasked.delete(key);
      if (isIntersecting && this._grown.delete(key)) this._drawSoon([key]);
    }
    clearTimeout(this._lookTimer);
    this._lookTimer = setTimeout(() => this._look(), this.charts.size ? LOOK_WAIT_MS : 0); // the first ones at once
  }

  /** Ask for what can be seen, once that is built for what is near, and build what is there. Questions make no queue. */
  _look() {
    this._build();
    if (this._project.isWaiting) return;
    const seen = [...this._unasked.keys()].filter((key) => this._unasked.get(key));
    const keys = seen.length ? seen : this._isBuilding ? [] : [...this._unasked.keys()];
    if (keys.length) this.fetch(keys);
    for (const key of keys) this._unasked.delete(key);
  }

  async _build() {
    // The first of all is begun before its numbers are there: it takes longest, as Bokeh's code is new to the browser.
    const next = () => this._missing().find((key) => !this.charts.size || this._isThere(key));
    if (this._isBuilding || next() === undefined) return;
    this._isBuilding = true;
    try {
      for (let began = performance.now(), key = next(); key !== undefined; key = next()) {
        await this._buildOne(key);
        if (performance.now() - began < BUILT_MS) continue;
        await new Promise(requestAnimationFrame);
        began = performance.now();
      }
    } finally {
      this._isBuilding = false;
    }
    this._project.watch();
    this._look();
  }

  /** The keys whose cards are in view without a chart. */
  _missing() {
    return [...this._inView].filter((key) => !this.charts.has(key) && this._cards.get(key)?.isConnected);
  }

  /** Whether there is something to draw, or to say. */
  _isThere(key) {
    return Boolean(this._project.failureOf(key)) || this.tracksOf(key).every(({id}) => this.blocksOf(key).has(id));
  }

  async _buildOne(key) {
    this._makeRoom();
    const chart = new Chart(key, this._cards.get(key).querySelector(".plot"), this._spec, this);
    this.charts.set(key, chart);
    await chart.build();
    this._tools.fit(key);
    if (chart.zoom) this._askRange(chart);
  }

  _makeRoom() {
    const unseen = [...this.charts.keys()].filter((key) => !this._inView.has(key));
    for (const key of unseen.slice(0, Math.max(0, this.charts.size + 1 - LIVE_CHARTS))) this._takeDown(key);
  }

  _takeDown(key) {
    this.charts.get(key)?.destroy();
    this.charts.delete(key);
    delete this._cards.get(key).dataset.state;
  }

  // Numbers

  /** Ask for the blocks of keys, of all shown runs. */
  fetch(keys) {
    this._project.want(keys.filter((key) => !this._project.isAsked(key)), this._width(keys));
  }

  /** Ask for everything that is drawn. */
  fetchAll() {
    const keys = this._needed();
    this._project.want(keys, this._width(keys));
    for (const chart of this.charts.values()) if (chart.zoom) this._askRange(chart);
  }

  /** Ask for the blocks of runs that were hidden: theirs may have been left behind meanwhile. */
  fetchRuns(runs) {
    const keys = this._needed();
    this._project.want(keys, this._width(keys), runs);
    this._fetchZooms();
  }

  /** Ask for what has never come. */
  fetchMissing() {
    const lacks = (key) => this._project.failureOf(key) || this.tracksOf(key).some(({id}) => !this.blocksOf(key).has(id));
    this.fetch(this._needed().filter(lacks));
    this._fetchZooms();
  }

  _fetchZooms() {
    for (const chart of this.charts.values()) {
      if (chart.zoom && this.tracksOf(chart.key).some(({id}) => !chart.window?.blocks.has(id))) this._askRange(chart);
    }
  }

  _width(keys) {
    return Math.max(400, ...keys.map((key) => this._cards.get(key)?.clientWidth ?? 0));
  }

  /** Blocks came. A zoom that was waiting for them can be asked for now. */
  took(keys) {
    this._drawSoon(this._moved(keys).filter((key) => this.charts.has(key)));
    this._look();
  }

  /** What was logged has been put into blocks, or is `missing` because something before it is. */
  grew(touched, missing) {
    const moved = this._moved(touched);
    this._drawSoon(moved.filter((key) => this._inView.has(key)));
    for (const key of moved) if (!this._inView.has(key)) this._grown.add(key);
    this.fetch(missing);
  }

  /** Draw charts anew, a few in each frame: all of a screen at once would hold up a scroll for 200 ms. */
  async _drawSoon(keys) {
    for (const key of keys) this._due.add(key);
    if (this._isDrawing) return;
    this._isDrawing = true;
    try {
      while (this._due.size) {
        for (const key of [...this._due].slice(0, DRAWN_A_FRAME)) this._drawAgain(key);
        await new Promise(requestAnimationFrame);
      }
    } finally {
      this._isDrawing = false;
    }
  }

  _drawAgain(key) {
    this._due.delete(key);
    const chart = this.charts.get(key);
    chart?.update();
    if (chart?.zoom && !chart.window && chart.zoomSeq === null) this._askRange(chart);
  }

  /** The keys whose charts look otherwise when keys have others blocks: all, if the x axis is among them. */
  _moved(keys) {
    return view.over && keys.includes(view.over) ? this._needed() : this._project.chartsOf(keys);
  }

  // What a chart and its tools need of the page

  cardOf(key) {
    return this._cards.get(key);
  }

  tracksOf(key) {
    return this._project.tracksOf(key);
  }

  blocksOf(key) {
    return this._project.blocksOf(key);
  }

  eventsOf(run) {
    return this._project.eventsOf(run);
  }

  hover(chart, event) {
    for (const other of this.charts.values()) other.point(view.linked || other === chart ? event.x : null);
    this._pointed(this._tooltip.show(chart, event));
  }

  /** Tell what is shown under the cursor to those who do not see it. */
  speak() {
    document.querySelector("#spoken").textContent = this._tooltip.text;
  }

  leave() {
    this._tooltip.hide();
    this._pointed(null);
    for (const chart of this.charts.values()) chart.point(null);
  }

  zoomTo(chart, range) {
    this.leave();
    change({zoom: new Map(view.zoom).set(chart.key, range)});
    chart.draw();
    clearTimeout(chart.zoomTimer);
    chart.zoomTimer = setTimeout(() => this._askRange(chart), ZOOM_WAIT_MS);
  }

  unzoom(chart) {
    if (chart?.zoom) this.unzoomAll([chart.key]);
  }

  /** Show everything; a zoom that is still being asked for is forgotten. */
  unzoomAll(keys = [...view.zoom.keys()]) {
    const zoom = new Map(view.zoom);
    for (const key of keys) zoom.delete(key);
    change({zoom});
    for (const chart of keys.map((key) => this.charts.get(key)).filter(Boolean)) {
      clearTimeout(chart.zoomTimer);
      [chart.window, chart.zoomSeq] = [null, null];
      chart.update();
    }
    this.fetch(keys.filter((key) => this.charts.has(key)));
  }

  _askRange(chart) {
    chart.zoomSeq = null;
    const [low, high] = stepRange(chart);
    if (low === null) return; // not before there is something to tell steps from
    const px = Math.ceil(this._width([chart.key]) * (1 + BEFORE + BEHIND));
    const keys = [...new Set([chart.key, ...(view.over ? [view.over] : [])])];
    const seq = this._project.askRange(keys, px, low, high, ([blocks, over = blocks]) => {
      if (chart.zoomSeq !== seq) return; // a later zoom was asked for meanwhile
      chart.window = {low, blocks, over: view.over ? over : null};
    });
    chart.zoomSeq = seq;
  }

  /** A chart has drawn itself: tell on its card what that is. */
  drawn(chart, limits) {
    const card = this._cards.get(chart.key);
    const {curves, key} = chart;
    card.querySelector(".tool.pin").setAttribute("aria-pressed", String(view.pins.has(key)));
    const error = this._project.failureOf(key);
    const isWaiting = !curves.length && !error && this.tracksOf(key).length > 0;
    card.dataset.state = isWaiting ? "loading" : curves.length ? "drawn" : error ? "failed" : "empty";
    tell(card, chart);
    card.querySelector(".notice").replaceChildren(...this._notice(key, error, limits, curves));
  }

  _notice(key, error, limits, curves) {
    if (error) {
      const retry = element("button", {onclick: () => this._retry(key)}, icon("reset"), "Retry");
      return [element("span", {role: "alert"}, `Not loaded: ${error}`), retry];
    }
    const placeless = placelessText(limits);
    if (placeless) return [placeless];
    if (!curves.length && this.tracksOf(key).length && view.over) return [`${view.over} was not logged here: choose another x axis`];
    if (!curves.length && this.tracksOf(key).length && view.axis === "epoch") return ["No epoch was logged: choose another x axis"];
    return [];
  }

  _retry(key) {
    this.fetch([key]);
    const chart = this.charts.get(key);
    if (chart?.zoom) this._askRange(chart);
  }

  redraw() {
    for (const chart of this.charts.values()) chart.draw();
  }

  update() {
    for (const chart of this.charts.values()) chart.update();
    this._build(); // what waits for a run that is hidden now
  }

  dress() {
    for (const chart of this.charts.values()) chart.dress();
  }
}

function sectionOf(key) {
  if (view.pins.has(key.id)) return "pinned";
  if (key.split === "system") return "system";
  return key.name.includes("/") ? key.name.split("/")[0] : "metrics";
}

/** The steps that a zoom stands for, in whatever run: blocks are asked for by step. */
function stepRange(chart) {
  const span = chart.zoom[1] - chart.zoom[0];
  const [from, to] = [chart.zoom[0] - BEFORE * span, chart.zoom[1] + BEHIND * span];
  if (view.axis === "step") return [Math.floor(from), Math.ceil(to)];
  let low = Infinity, high = -Infinity;
  for (const {whole, x} of chart.wholes()) {
    const {step} = whole.columns, [first, last] = rowsBetween(x, from, to);
    if (first < 0 || last < 0) continue;
    low = Math.min(low, first > 0 ? step[first - 1] : step[0]);
    high = Math.max(high, step[Math.min(last + 1, step.length - 1)]);
  }
  return low <= high ? [low, high] : [null, null];
}
