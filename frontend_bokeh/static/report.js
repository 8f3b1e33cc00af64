// A saved report: the charts of the dashboard over numbers that the file holds. Nothing is asked for.

import {newCard, placelessText, tell} from "./cardtext.js";
import {Chart, PALETTE} from "./charts.js";
import {element, radiogroup} from "./page.js";
import {show} from "./panels.js";
import {trackId, tracksOf} from "./ranks.js";
import {fragments} from "./series.js";
import {Tools} from "./tools.js";
import {Tooltip} from "./tooltip.js";
import {change, clamped, isHidden, matches, onChange, readAddress, view} from "./view.js";
import {startWalking} from "./walk.js";

const AHEAD = 80; // boxes that are drawn before one looks at them
const SHORT_ID = 12; // characters by which a run is told in the address
const $ = (selector) => document.querySelector(selector);
const given = JSON.parse($("#given").textContent);
const runs = given.runs.map((run) => ({...run, ranks: new Map([[run.rank, new Set(run.keys)]])}));
const blocks = new Map(given.keys.map(({id}) => [id, new Map()]));
for (const part of fragments(await unpacked(given.blocks))) {
  blocks.get(given.keys[part.key].id).set(trackId(runs[part.run].id, part.rank, given.keys[part.key].id), part);
}

function unpacked(text) {
  const packed = new Blob([Uint8Array.from(atob(text), (one) => one.charCodeAt(0))]);
  return new Response(packed.stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
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
    return tracksOf(key, runs.filter((run) => !isHidden(run)));
  }

  eventsOf(run) {
    return given.events[run];
  }

  cardOf(key) {
    return cards.get(key);
  }

  fetch() {} // everything is here

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

  speak() {
    $("#spoken").textContent = this._tooltip.text;
  }

  zoomTo(chart, range) {
    change({zoom: new Map(view.zoom).set(chart.key, range)});
  }

  unzoom(chart) {
    const zoom = new Map(view.zoom);
    zoom.delete(chart.key);
    change({zoom});
  }

  drawn(chart, limits) {
    const card = this.cardOf(chart.key);
    tell(card, chart);
    card.querySelector(".notice").textContent = placelessText(limits);
  }
}

const cards = new Map(); // by key
const page = new Page(), tools = new Tools($("#curves"), page);
window.prevue = {charts: page.charts}; // for tests and the console

// What comes into view is drawn, and kept.
const watcher = new IntersectionObserver((entries) => {
  for (const {target, isIntersecting} of entries) if (isIntersecting) draw(target);
}, {rootMargin: "300px"});

const begun = new Set();

async function draw(card) {
  if (begun.has(card)) return;
  begun.add(card);
  watcher.unobserve(card);
  if (card.dataset.at === undefined) await build(card);
  else await show(given.results[Number(card.dataset.at)].drawn, card.querySelector(".body"));
  card.dataset.drawn = "1";
}

async function build(card) {
  const chart = new Chart(card.dataset.key, card.querySelector(".plot"), given.spec, page);
  page.charts.set(chart.key, chart);
  await chart.build();
  card.dataset.state = "drawn";
}

function fill() {
  for (const key of given.keys) {
    const card = newCard(key, tools.of(key));
    startWalking(card.querySelector(".plot"), () => page.charts.get(key.id), page);
    cards.set(key.id, card);
    $(key.split === "system" ? "#machine" : "#cards").append(card);
    watcher.observe(card);
  }
  $("#machine").parentElement.hidden = !$("#machine").children.length;
}

function fillResults() {
  const named = new Map(runs.map((run) => [run.id, run]));
  $("#results").append(...given.results.map(({run, name, split, step}, at) => element("article", {class: "result", "data-at": at, "aria-label": `${split}/${name}`},
    element("header", {}, element("h3", {title: `${split}/${name}`}, element("span", {class: "split"}, `${split}/`), name),
      runs.length > 1 ? element("span", {class: "quiet"}, element("i", {class: "swatch", "data-color": named.get(run).color}), named.get(run).name) : "",
      element("span", {class: "count"}, step === null ? "" : `step ${step.toLocaleString("en-US")}`)),
    element("div", {class: "body"}))));
  for (const card of $("#results").children) watcher.observe(card);
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

/** Draw what is further down, too, while nothing else is to do, so that a print has it: up to so many boxes. */
async function drawAhead() {
  for (const card of [...document.querySelectorAll(".card, .result")].slice(0, AHEAD)) {
    await new Promise((done) => requestIdleCallback(done));
    if (card.checkVisibility()) await draw(card);
  }
}

/** Let boxes be as wide on paper as on the screen: plots, which are painted, don't change then. */
function keepWidths(isPrinting) {
  for (const card of begun) card.style.width = isPrinting ? `${card.offsetWidth}px` : "";
}

addEventListener("beforeprint", () => keepWidths(true));
addEventListener("afterprint", () => keepWidths(false));
drawAhead();
