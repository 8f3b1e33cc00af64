// The card of a chart, and what it tells in words of the curves on it.

import {element, number} from "./page.js";
import {nameOf} from "./ranks.js";
import {isOfAll, labelOf, legendOf} from "./splits.js";
import {view} from "./view.js";

/** Return the card of a key's chart, which is not there yet; `tools` stand in its head. */
export function newCard(key, tools) {
  const label = labelOf(key.id);
  return element("article", {class: "card", "data-key": key.id, "aria-label": label},
    element("header", {},
      element("h3", {title: label}, element("span", {class: "split"}, isOfAll(key.id) ? "" : `${key.split}/`), key.name),
      element("span", {class: "splits"}),
      element("span", {class: "odd badge", hidden: ""}),
      element("span", {class: "points"}),
      tools),
    element("div", {class: "plot", role: "img", tabindex: 0, "aria-label": label}),
    element("p", {class: "notice"}));
}

/** Tell on a card what its chart shows. */
export function tell(card, chart) {
  const {key, curves, zoom} = chart, odd = card.querySelector(".odd");
  card.classList.toggle("zoomed", Boolean(zoom));
  card.querySelector(".points").replaceChildren(...(curves.length ? [pointsText(chart), ...meansNote(chart), ...zoomNote(chart)] : []));
  card.querySelector(".splits").replaceChildren(...legendOf(curves));
  odd.textContent = oddText(curves);
  odd.hidden = odd.textContent === "";
  card.querySelector(".plot").setAttribute("aria-label", describe(key, curves));
}

/** Over another metric, neighbouring points of long curves are one on both axes, until a zoom shows each. */
function meansNote({curves}) {
  const title = "each place on the curve is the mean of several points, on both axes; zoom in to see each point";
  return view.axis === "metric" && curves.some(({block}) => !block.raw) ? [" · ", element("span", {title}, "means")] : [];
}

/** Return what stands beside the number of points while a chart is zoomed. */
function zoomNote({zoom, curves}) {
  const isLive = curves.some(({run}) => run.state === "running");
  return zoom ? [" · ", element("b", {}, isLive ? "zoomed, live paused" : "zoomed")] : [];
}

/** Return how many points a chart stands for: all, or those of the zoom of all. */
function pointsText({curves, zoom, whole}) {
  const points = curves.reduce((sum, curve) => sum + countedOf(curve, zoom), 0);
  return `${points.toLocaleString()} ${zoom && whole >= points ? `of ${whole.toLocaleString()} ` : ""}${points === 1 && !zoom ? "point" : "points"}`;
}

/** Return what has no place on a chart's axes; empty: everything has. */
export function placelessText({unloggable, unplaced, outlying}) {
  const values = (count, what, one) => (count ? `${count.toLocaleString()} ${count === 1 ? one : what}` : "");
  return [
    values(unloggable, "values at or below 0 have no place on a log axis", "value at or below 0 has no place on a log axis"),
    values(unplaced, "values at x ≤ 0 have no place on a log x axis", "value at x ≤ 0 has no place on a log x axis"),
    values(outlying, "values lie outside: outliers are left out", "value lies outside: outliers are left out"),
  ].filter(Boolean).join(" · ");
}

function countedOf({block: {columns, total}, x}, zoom) {
  if (!zoom) return total;
  return columns.count.reduce((sum, count, i) => (x[i] >= zoom[0] && x[i] <= zoom[1] ? sum + count : sum), 0);
}

/** Return how many values are not finite, by kind; empty: none. */
function oddText(curves) {
  const sums = {nan: 0, inf: 0, ninf: 0};
  for (const {block} of curves) for (const one of block.odd) for (const kind of Object.keys(sums)) sums[kind] += one[kind];
  const names = {nan: "NaN", inf: "∞", ninf: "−∞"};
  return Object.keys(sums).filter((kind) => sums[kind]).map((kind) => `${sums[kind].toLocaleString()} ${names[kind]}`).join(" · ");
}

/** Return what a chart shows, in words. */
function describe(key, curves) {
  const last = curves.map((curve) => `${nameOf(curve)} ${number(curve.block.columns.last.at(-1))}`);
  return `${labelOf(key)}; last values: ${last.join(", ") || "none"}`;
}

/** Return a table of the events on a chart. */
export function tableOfEvents(events) {
  const rows = events.map(({event, run}) => [run.name, event.kind, event.step === null ? "–" : event.step.toLocaleString(), event.time, event.text]);
  return element("table", {class: "list"},
    element("thead", {}, element("tr", {}, ...["Run", "Event", "Step", "Time", "Text"].map((text) => element("th", {scope: "col"}, text)))),
    element("tbody", {}, ...rows.map(([name, kind, step, time, text]) => element("tr", {}, element("th", {scope: "row"}, name),
      element("td", {}, kind), element("td", {class: "figure"}, step), element("td", {}, element("time", {"data-unix": time})), element("td", {}, text)))));
}

/** Return a table of what a chart shows, a row a run. */
export function tableOf(curves) {
  const rows = curves.map((curve) => {
    const {columns, total} = curve.block;
    const {step, low, high, last} = columns;
    const at = (values, best) => values.reduce((found, value, i) => (Number.isFinite(value) && (found < 0 || best(value, values[found])) ? i : found), -1);
    const lowest = at(low, (a, b) => a < b), highest = at(high, (a, b) => a > b);
    const where = (values, i) => (i < 0 ? "–" : `${number(values[i])} at ${step[i].toLocaleString()}`);
    return [nameOf(curve), total.toLocaleString(), step.at(-1).toLocaleString(), number(last.at(-1)), where(low, lowest), where(high, highest)];
  });
  const head = ["Run", "Points", "Last step", "Last value", "Lowest", "Highest"];
  return element("table", {class: "list"},
    element("thead", {}, element("tr", {}, ...head.map((text) => element("th", {scope: "col"}, text)))),
    element("tbody", {}, ...rows.map(([name, ...cells]) => element("tr", {},
      element("th", {scope: "row"}, name), ...cells.map((text) => element("td", {class: "figure"}, text))))));
}
