// A saved report: the charts of the dashboard over numbers that the file holds. Nothing is asked for.

import {Chart, PALETTE} from "./charts.js";
import {element, icon, radiogroup} from "./page.js";
import {show} from "./panels.js";
import {trackId} from "./ranks.js";
import {fragments} from "./series.js";
import {Tooltip} from "./tooltip.js";
import {change, clamped, isHidden, matches, onChange, readAddress, view} from "./view.js";

const SHORT_ID = 12; // characters by which a run is told in the address
const $ = (selector) => document.querySelector(selector);
const given = JSON.parse($("#given").textContent);
const runs = given.runs.map((run) => ({...run, ranks: new Map([[run.rank, new Set(run.keys)]])}));
const blocks = new Map(given.keys.map(({id}) => [id, new Map()]));
for (const part of fragments(Uint8Array.from(atob(given.blocks), (one) => one.charCodeAt(0)).buffer)) {
  blocks.get(given.keys[part.key].id).set(trackId(runs[part.run].id, part.rank), part);
}

/** What charts ask, and what they tell of the pointer. */
class Page {
  highlighted = null; // the run whose curve is nearest to the pointer
  charts = new Map();
  _tooltip = new Tooltip($("#tooltip"));

  blocksOf(key) {
    return blocks.get(key);
  }

  tracksOf(key) {
    return runs.filter((run) => !isHidden(run) && run.keys.includes(key)).map((run) => ({id: trackId(run.id, run.rank), run, rank: run.rank}));
  }

  eventsOf(run) {
    return given.events[run];
  }

  hover(chart, event) {
    const near = this._tooltip.show(chart, event)?.id ?? null;
    for (const one of this.charts.values()) one.point(event.x);
    if (near === this.highlighted) return;
    this.highlighted = near;
    chart.draw();
  }

  leave() {
    this._tooltip.hide();
    const wasHighlighted = this.highlighted !== null;
    this.highlighted = null;
    for (const one of this.charts.values()) {
      one.point(null);
      if (wasHighlighted) one.draw();
    }
  }

  zoomTo(chart, range) {
    change({zoom: new Map(view.zoom).set(chart.key, range)});
  }

  unzoom(chart) {
    const zoom = new Map(view.zoom);
    zoom.delete(chart.key);
    change({zoom});
  }

  drawn(chart, {unloggable}) {
    const card = chart.host.parentElement;
    card.classList.toggle("zoomed", Boolean(chart.zoom));
    const points = chart.whole;
    card.querySelector(".points").textContent = `${points.toLocaleString("en-US")} point${points === 1 ? "" : "s"}`;
    card.querySelector(".notice").textContent = view.log && unloggable ? `${unloggable} values at or below 0 have no place on a log axis` : "";
    chart.host.setAttribute("aria-label", chart.curves.map(({run, y}) => `${run.name}: ${y.findLast(Number.isFinite) ?? "no value"}`).join("; "));
  }
}

const page = new Page();
window.prevue = {charts: page.charts}; // for tests and the console

// Charts are built when they come into view.
const watcher = new IntersectionObserver((entries) => {
  for (const {target, isIntersecting} of entries) if (isIntersecting) build(target);
}, {rootMargin: "300px"});

async function build(card) {
  watcher.unobserve(card);
  const chart = new Chart(card.dataset.key, card.querySelector(".plot"), given.spec, page);
  page.charts.set(chart.key, chart);
  await chart.build();
  card.dataset.state = "drawn";
}

function cardOf({id, split, name}) {
  return element("article", {class: "card", "data-key": id, "aria-label": id},
    element("header", {}, element("h3", {title: id}, element("span", {class: "split"}, `${split}/`), name), element("span", {class: "points"})),
    element("div", {class: "plot", role: "img"}), element("p", {class: "notice"}));
}

function fill() {
  for (const key of given.keys) {
    const card = cardOf(key);
    $(key.split === "system" ? "#machine" : "#cards").append(card);
    watcher.observe(card);
  }
  $("#machine").parentElement.hidden = !$("#machine").children.length;
}

// Results: each drawn when it comes into view, and kept.
const drawer = new IntersectionObserver((entries) => {
  for (const {target, isIntersecting} of entries) {
    if (!isIntersecting) continue;
    drawer.unobserve(target);
    show(given.results[Number(target.dataset.at)].drawn, target.querySelector(".body"));
    target.dataset.drawn = "1";
  }
}, {rootMargin: "300px"});

function fillResults() {
  const named = new Map(runs.map((run) => [run.id, run]));
  $("#results").append(...given.results.map(({run, name, split, step}, at) => element("article", {class: "result", "data-at": at, "aria-label": `${split}/${name}`},
    element("header", {}, element("h3", {title: `${split}/${name}`}, element("span", {class: "split"}, `${split}/`), name),
      runs.length > 1 ? element("span", {class: "quiet"}, element("i", {class: "swatch", "data-color": named.get(run).color}), named.get(run).name) : "",
      element("span", {class: "count"}, step === null ? "" : `step ${step.toLocaleString("en-US")}`)),
    element("div", {class: "body"}))));
  for (const card of $("#results").children) drawer.observe(card);
}

function colour() {
  for (const one of document.querySelectorAll("[data-color]")) one.style.setProperty("--run", PALETTE[view.theme][one.dataset.color % 8]);
}

function control() {
  const choose = radiogroup($("#axis"), (axis) => change({axis}));
  const sync = () => {
    choose(view.axis);
    [$("#smoothing").value, $("#smoothing-value").textContent] = [view.smoothing, view.smoothing.toFixed(2)];
    [$("#log").checked, $("#robust").checked] = [view.log, view.robust];
    for (const card of document.querySelectorAll(".card")) card.hidden = !matches(view.metrics, card.dataset.key);
    for (const button of document.querySelectorAll(".run-shown")) button.setAttribute("aria-pressed", String(!view.hidden.has(button.dataset.run.slice(-SHORT_ID))));
  };
  $("#smoothing").addEventListener("input", ({target}) => change({smoothing: clamped(target.value)}));
  $("#metric-filter").addEventListener("input", ({target}) => change({metrics: target.value}));
  for (const name of ["log", "robust"]) $(`#${name}`).addEventListener("change", ({target}) => change({[name]: target.checked}));
  $("#reset").addEventListener("click", () => change({zoom: new Map()}));
  $("main").addEventListener("click", ({target}) => target.closest(".run-shown") && toggle(target.closest(".run-shown").dataset.run));
  document.addEventListener("prevue-theme", ({detail}) => change({theme: detail}));
  onChange((names) => {
    sync();
    if (names.has("theme")) colour();
    for (const chart of page.charts.values()) chart.dress();
  });
  sync();
}

function toggle(id) {
  const hidden = new Set(view.hidden), short = id.slice(-SHORT_ID);
  if (!hidden.delete(short)) hidden.add(short);
  change({hidden});
}

readAddress();
fill();
fillResults();
colour();
control();
