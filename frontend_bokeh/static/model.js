// The page of a model: its graph, the table of its layers, and the inspector of what is chosen in either.

import {Graph} from "./graph.js";
import {element, isElsewhere, theme} from "./page.js";
import {Weights, showSpreads} from "./weights.js";

const given = JSON.parse(document.querySelector("#given").textContent);
const $ = (selector) => document.querySelector(selector);
const rows = [...document.querySelectorAll("#layers tbody tr")];
const boxOf = new Map(given.graph.boxes.flatMap(({layers}, box) => layers.map((layer) => [layer, box])));
const graph = new Graph(given.graph, $("#graph"), (box) => chooseBox(box));
const weights = new Weights($("#weights"), $(".facts").dataset.run, given.logged);
window.prevue = {graph, choice: {box: null, layer: null}}; // for tests and the console

const onlyLayer = (box) => (box !== null && given.graph.boxes[box].layers.length === 1 ? given.graph.boxes[box].layers[0] : null);
const named = (boxes) => boxes.map((box) => given.graph.boxes[box].name);

/** Choose a box and, where it has more than one, a layer of it; null: nothing. */
function choose(box, layer) {
  window.prevue.choice = {box, layer};
  graph.choose(box);
  for (const [number, row] of rows.entries()) {
    const isIn = box !== null && boxOf.get(number) === box;
    row.classList.toggle("near", isIn);
    if (layer === null ? isIn && given.graph.boxes[box].layers[0] === number : number === layer) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
  reveal(rows.find((row) => row.hasAttribute("aria-current")));
  inspect(box, layer);
  remember(layer ?? (box === null ? null : given.graph.boxes[box].layers[0]));
}

/** Bring a row into view inside its list; the page itself stays where it is. */
function reveal(row) {
  if (!row) return;
  const list = $("#layers"), {top, bottom} = row.getBoundingClientRect(), seen = list.getBoundingClientRect();
  const head = list.querySelector("thead").offsetHeight;
  if (top < seen.top + head) list.scrollTop -= seen.top + head - top;
  else if (bottom > seen.bottom) list.scrollTop += bottom - seen.bottom;
}

function inspect(box, layer) {
  const facts = layer === null ? factsOfBox(box) : factsOfLayer(box, given.layers[layer]);
  $("#inspector").replaceChildren(...facts.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]));
  $("#unchosen").hidden = facts.length > 0;
  weights.show(layer);
}

function factsOfLayer(box, layer) {
  const {from, to, name} = given.graph.boxes[box];
  return [
    ["name", layer.name], ["type", layer.type], ["activation", layer.activation], ["settings", layer.details], ["output", layer.shape],
    ["parameters", count(layer.parameters)], ["trained", count(layer.trainable_parameters)],
    ["in module", name === layer.name ? "" : name], ["takes from", named(from).join(", ")], ["gives to", named(to).join(", ")],
  ].filter(([, text]) => text);
}

function factsOfBox(box) {
  if (box === null) return [];
  const {from, to, name, layers} = given.graph.boxes[box];
  const sum = (key) => count(layers.reduce((total, layer) => total + given.layers[layer][key], 0));
  return [
    ["module", name], ["layers", count(layers.length)], ["parameters", sum("parameters")], ["trained", sum("trainable_parameters")],
    ["takes from", named(from).join(", ")], ["gives to", named(to).join(", ")],
  ].filter(([, text]) => text);
}

const count = (value) => value.toLocaleString("en-US");

/** Keep what is chosen in the address, so that a link or a reload shows it. */
function remember(layer) {
  const query = new URLSearchParams(location.search);
  if (layer === null) query.delete("layer");
  else query.set("layer", layer);
  history.replaceState(null, "", location.pathname + (query.size ? `?${query}` : ""));
}

// Keys: in the graph arrows go along the lines and to neighbours, in the table up and down.

function step(key) {
  const {box} = window.prevue.choice, {boxes} = given.graph;
  if (box === null) return 0;
  const [x, y] = boxes[box].at;
  const away = (other) => 1e6 * Math.abs(boxes[other].at[1] - y) + Math.abs(boxes[other].at[0] - x); // by rank, then beside
  const nearest = (numbers) => numbers.toSorted((a, b) => away(a) - away(b))[0] ?? box;
  if (key === "ArrowDown") return nearest(boxes[box].to);
  if (key === "ArrowUp") return nearest(boxes[box].from);
  const side = key === "ArrowRight" ? 1 : -1;
  return nearest([...boxes.keys()].filter((other) => boxes[other].at[1] === y && (boxes[other].at[0] - x) * side > 0));
}

$("#graph").addEventListener("keydown", (event) => {
  if (isElsewhere(event)) return;
  const act = {
    "+": () => graph.zoom(1.25), "=": () => graph.zoom(1.25), "-": () => graph.zoom(0.8), "0": () => graph.show(), Escape: () => choose(null, null),
  }[event.key];
  if (!act && !event.key.startsWith("Arrow")) return;
  event.preventDefault();
  if (act) act();
  else chooseBox(step(event.key));
});

const chooseBox = (box) => choose(box, onlyLayer(box));

$("#layers").addEventListener("keydown", (event) => {
  const by = {ArrowDown: 1, ArrowUp: -1}[event.key], at = rows.indexOf(event.target.closest("tr"));
  if (!by || at < 0 || !rows[at + by]) return;
  event.preventDefault();
  rows[at + by].querySelector("button").focus();
});
$("#layers").addEventListener("click", (event) => {
  const at = rows.indexOf(event.target.closest("tr"));
  if (at >= 0) choose(boxOf.get(at), at);
});
for (const [name, act] of [["in", () => graph.zoom(1.25)], ["out", () => graph.zoom(0.8)], ["fit", () => graph.show()]]) {
  $(`#zoom-${name}`).addEventListener("click", act);
}
document.addEventListener("prevue-theme", (event) => graph.dress(event.detail));

await graph.build(theme());
const asked = new URLSearchParams(location.search).get("layer");
if (asked !== null && boxOf.has(Number(asked))) choose(boxOf.get(Number(asked)), Number(asked));
$("#graph").dataset.drawn = "1";
if ($(".spread")) showSpreads($(".facts").dataset.run, rows);
