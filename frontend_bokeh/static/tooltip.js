// What stands under the pointer: one row a run, or a group of runs, the greatest value first, the nearest to the pointer in bold.

import {duration} from "./axes.js";
import {looksOf, runColor} from "./charts.js";
import {looksOfEvent, nameOfEvent} from "./events.js";
import {element, number, placeAt} from "./page.js";
import {nameOf} from "./ranks.js";
import {view} from "./view.js";

const ROWS = 20, EVENTS = 6;

export class Tooltip {
  constructor(box) {
    this._box = box;
  }

  /** What it shows, as it can be spoken. */
  get text() {
    return [...this._box.children].map((line) => [...line.children].map((part) => part.textContent).join(" ").trim() || line.textContent).join("; ");
  }

  hide() {
    this._box.hidden = true;
  }

  /** Show what a chart has at an event's place; return the run whose curve is nearest. */
  show(chart, event) {
    const rows = chart.at(event.x);
    chart.point(event.x);
    this._box.hidden = !rows.length;
    if (!rows.length) return null;
    rows.sort((a, b) => rank(b.value) - rank(a.value));
    const near = rows.reduce((best, row) => (distance(row, event) < distance(best, event) ? row : best));
    const lines = rows.slice(0, ROWS).map((row) => line(row, row === near));
    if (rows.length > ROWS) lines.push(element("div", {class: "tip-head"}, `and ${rows.length - ROWS} more`));
    lines.push(...chart.eventsAt(event.sx).slice(0, EVENTS).map(eventLine));
    this._box.replaceChildren(element("div", {class: "tip-head"}, head(near)), ...lines);
    const {left, top} = chart.host.getBoundingClientRect();
    placeAt(this._box, left + event.sx, top + event.sy);
    return near.run;
  }
}

const rank = (value) => (Number.isNaN(value) ? -Infinity : value);

function distance({value}, {y}) {
  return Number.isFinite(value) ? Math.abs(value - y) : Infinity;
}

/** A time in the viewer's zone, and in UTC. */
const clock = (date) => `${date.toLocaleString()} (${date.toISOString().replace("T", " ").slice(0, 19)} UTC)`;

function head({x, step, epoch}) {
  const at = {relative: () => duration(x), wall: () => clock(new Date(x * 1000)), metric: () => `${view.over} ${number(x)}`}[view.axis]?.();
  return [at, `step ${step.toLocaleString()}`, Number.isNaN(epoch) ? null : `epoch ${epoch}`].filter(Boolean).join(" · ");
}

function line(row, isNear) {
  const range = row.count > 1 ? `${number(row.low)} … ${number(row.high)} (${row.count})` : view.smoothing ? number(row.last) : "";
  return element("div", {class: `tip-row${isNear ? " near" : ""}`},
    element("span", {class: "swatch", style: `--run: ${looksOf(row).color}`}),
    element("span", {class: "tip-name"}, row.name ?? nameOf(row)),
    element("span", {}, number(row.value)),
    element("span", {class: "tip-raw"}, row.odd ? [range, oddities(row.odd)].filter(Boolean).join(" · ") : range));
}

function eventLine({event, run}) {
  return element("div", {class: "tip-event"}, element("i", {class: "flag", style: `--run: ${looksOfEvent(event).color ?? runColor(run)}`}),
    element("span", {}, `${run.name}: ${nameOfEvent(event)}`));
}

function oddities({nan, inf, ninf}) {
  return [[nan, "NaN"], [inf, "∞"], [ninf, "−∞"]].filter(([count]) => count).map(([count, name]) => `${count} ${name}`).join(" · ");
}
