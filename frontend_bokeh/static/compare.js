// The page that compares runs: parallel coordinates and a scatter of all of them, which one brush narrows down.

import {element, icon, number, placeAt, theme} from "./page.js";
import {Parallel} from "./parallel.js";
import {scaleOf} from "./scales.js";
import {Scatter} from "./scatter.js";

const MAX_AXES = 10;
const ROWS = 50; // of the table of runs that are kept
const COMPARED = 20, DRAWN = 200; // runs side by side, and runs with curves, at most
const $ = (selector) => document.querySelector(selector);

const {fields, usual, project} = JSON.parse($("#given").textContent);
const query = new URLSearchParams(location.search);
const known = (field) => fields.includes(field);
const view = {
  axes: query.getAll("axis").filter(known),
  x: known(query.get("x")) ? query.get("x") : null,
  y: known(query.get("y")) ? query.get("y") : null,
  brushes: new Map(query.getAll("brush").map(readBrush).filter(Boolean)),
};
if (!view.axes.length) view.axes = usual.filter(known);
view.x ??= view.axes[0] ?? fields[0];
view.y ??= view.axes.at(-1) ?? fields.at(-1);

let runs = [];
const columns = new Map(); // by field: {field, label, values, scale}
const parallel = new Parallel($("#parallel"), {brush, point});
const scatter = new Scatter($("#scatter"), {point, open: (i) => location.assign(`${project}/runs/${runs[i].id}`)});

function readBrush(text) {
  const found = /^(.+)~([\d.]+)~([\d.]+)$/.exec(text);
  return found && known(found[1]) ? [found[1], [Number(found[2]), Number(found[3])]] : null;
}

/** Ask for the values of what is not known yet, and draw. */
async function load() {
  const needed = new Set([...view.axes, view.x, view.y]), missing = [...needed].filter((field) => !columns.has(field));
  if (missing.length) {
    const asked = new URLSearchParams([...missing.map((field) => ["field", field]), ...query.getAll("run").map((id) => ["run", id])]);
    const answer = await fetch(`${project}/values?${asked}`, {cache: "no-store"}).catch(() => null);
    tell(answer?.ok ? "" : `Not loaded: ${answer ? `status ${answer.status}` : "the dashboard does not answer"}.`);
    if (!answer?.ok) return;
    const told = await answer.json(), ids = ({id}) => id;
    const isOther = told.runs.map(ids).join() !== runs.map(ids).join(); // some began or were deleted meanwhile
    if (isOther) columns.clear();
    runs = told.runs;
    for (const [field, values] of Object.entries(told.values)) columns.set(field, {field, label: labelOf(field), values, scale: scaleOf(values)});
    if (isOther && missing.length < needed.size) return void await load();
  }
  write();
  draw();
}

const labelOf = (field) => field.replace(/^(config|metrics)\./, "").replaceAll('"', "");
const kept = (i) => [...view.brushes].every(([field, [low, high]]) => {
  const {scale, values} = columns.get(field) ?? {};
  const at = scale?.at(values[i]);
  return !scale || (at !== null && at >= low - 1e-9 && at <= high + 1e-9);
});

function brush(field, range) {
  if (range) view.brushes.set(field, range);
  else view.brushes.delete(field);
  write();
  draw();
}

function write() {
  const kinds = [["axis", view.axes], ["x", [view.x]], ["y", [view.y]], ["brush", [...view.brushes].map(([field, range]) => [field, ...range.map((share) => +share.toFixed(3))].join("~"))]];
  for (const [name, values] of kinds) {
    query.delete(name);
    for (const value of values) query.append(name, value);
  }
  history.replaceState(null, "", `${location.pathname}?${query}`);
}

function draw() {
  const axes = view.axes.map((field) => columns.get(field)), last = axes.at(-1);
  const shares = runs.map((_, i) => last?.scale.at(last.values[i]) ?? null);
  const found = runs.map((_, i) => i).filter(kept);
  const isKept = new Set(found), shared = {kept: (i) => isKept.has(i), shares, theme: theme()};
  parallel.draw({axes, brushes: view.brushes, ...shared});
  scatter.draw({across: columns.get(view.x), up: columns.get(view.y), ...shared});
  $("#kept").textContent = found.length === runs.length ? `${runs.length.toLocaleString()} runs` : `${found.length.toLocaleString()} of ${runs.length.toLocaleString()} runs`;
  $("#reset-brushes").disabled = !view.brushes.size;
  $("#compare-kept").disabled = found.length < 2 || found.length > COMPARED;
  $("#compare-kept").title = found.length > COMPARED ? `at most ${COMPARED} side by side: narrow them down` : "";
  $("#curves-kept").disabled = found.length > DRAWN && (found.length < runs.length || query.has("run"));
  $("#curves-kept").title = $("#curves-kept").disabled ? `at most ${DRAWN} at a time: narrow them down` : "";
  $("#color-key").textContent = last ? `colour: ${last.label}` : "";
  list(found, axes, last);
  showAxes();
}

/** The runs that are kept as a table, the greatest of the last axis first. */
function list(found, axes, last) {
  const order = (i) => (last?.scale.isNumber ? last.values[i] ?? -Infinity : 0);
  const rows = found.toSorted((a, b) => order(b) - order(a)).slice(0, ROWS).map((i) => element("tr", {"data-run": i},
    element("th", {scope: "row"}, element("a", {class: "named", title: runs[i].name, href: `${project}/runs/${runs[i].id}`}, runs[i].name)),
    ...axes.map(({values}) => element("td", {class: typeof values[i] === "string" ? "" : "figure"}, typeof values[i] === "string" ? values[i] : number(values[i])))));
  $("#kept-runs thead tr").replaceChildren(element("th", {scope: "col"}, "Run"), ...axes.map(({label, scale}) => element("th", {scope: "col", class: scale.isNumber ? "figure" : ""}, label)));
  $("#kept-runs tbody").replaceChildren(...rows);
  $("#kept-more").textContent = found.length > ROWS ? `and ${(found.length - ROWS).toLocaleString()} more` : "";
}

/** The axes as buttons that take them away, and what may be added. */
function showAxes() {
  $("#axes").replaceChildren(...view.axes.map((field) => element("button", {type: "button", title: "take this axis away", "aria-label": `take away ${labelOf(field)}`,
    onclick: () => setAxes(view.axes.filter((one) => one !== field))}, labelOf(field), icon("cross"))));
  const options = fields.filter((field) => !view.axes.includes(field));
  $("#add-axis").replaceChildren(element("option", {value: ""}, "Add an axis"), ...options.map((field) => element("option", {value: field}, labelOf(field))));
  $("#add-axis").disabled = view.axes.length >= MAX_AXES;
}

function setAxes(axes) {
  view.axes = axes;
  for (const field of view.brushes.keys()) if (!axes.includes(field)) view.brushes.delete(field);
  load();
}

function point(i, event) {
  const box = $("#tooltip");
  parallel.mark(i);
  scatter.mark(i);
  box.hidden = i === null;
  if (i === null) return;
  const shown = [...new Set([...view.axes, view.x, view.y])].map((field) => columns.get(field));
  box.replaceChildren(element("div", {class: "tip-head"}, runs[i].name), ...shown.map(({label, values}) => element("div", {class: "tip-pair"},
    element("span", {}, label), element("b", {}, typeof values[i] === "string" ? values[i] : number(values[i])))));
  placeAt(box, event.clientX, event.clientY);
}

function tell(text) {
  $("#plots-notice").textContent = text;
}

for (const axis of ["x", "y"]) {
  const field = $(`#scatter-${axis}`);
  field.replaceChildren(...fields.map((one) => element("option", {value: one}, labelOf(one))));
  field.value = view[axis];
  field.addEventListener("change", () => {
    view[axis] = field.value;
    load();
  });
}
$("#add-axis").addEventListener("change", ({target: {value}}) => value && setAxes([...view.axes, value]));
$("#reset-brushes").addEventListener("click", () => {
  view.brushes.clear();
  write();
  draw();
});
const keptIds = () => runs.filter((_, i) => kept(i)).map(({id}) => id);
$("#compare-kept").addEventListener("click", () => location.assign(`${project}/compare?${new URLSearchParams(keptIds().map((id) => ["run", id]))}`));
$("#curves-kept").addEventListener("click", () => {
  const ids = keptIds(), isAll = ids.length === runs.length && !query.has("run");
  location.assign(isAll ? project : `${project}?only=${ids.map((id) => id.slice(-12)).join(",")}`);
});
document.addEventListener("prevue-theme", () => runs.length && draw());
new ResizeObserver(() => runs.length && draw()).observe($("#parallel"));
if (fields.length) load();
