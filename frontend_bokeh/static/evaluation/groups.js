// The page that compares two groups of runs which differ in their seeds.

import {element} from "../page.js";
import {fetched} from "./answers.js";
import {differenceCells} from "./differences.js";
import {panel} from "./panel.js";
import {seedsVerdict} from "./seeds.js";
import {amount, warning} from "./verdict.js";
import {count, meaningOf, nameOf, valueOf} from "./words.js";

const $ = (selector) => document.querySelector(selector);
const HEADS = ["Score", "A, mean", "±", "B, mean", "±", "B − A", "By its interval"];

function show(told, {base, asked, kept}) {
  const table = kept ? null : `${base}/../table`;
  const {kind, heading, text} = seedsVerdict(told);
  const verdict = element(
    "article",
    {class: `panel verdict ${kind}`},
    element("h2", {}, heading),
    element("p", {}, text),
    element("p", {}, ...runsOf("A", asked.a, told.runs_a, table), "; ", ...runsOf("B", asked.b, told.runs_b, table), "."),
    ...leftOut(told.left_out.length),
  );
  $("#views").replaceChildren(
    element("section", {class: "verdicts", "aria-label": "what it says"}, verdict),
    element("div", {class: "views pairs"}, scoresPanel(told)),
  );
}

/** How many runs of a group have the test, with a link to all of it where there is a table of runs. */
function runsOf(letter, group, runs, table) {
  const filter = encodeURIComponent(`group = ${JSON.stringify(group)}`),
    named = table ? element("a", {href: `${table}?filter=${filter}`}, group) : group;
  return [`${letter}: ${count(runs.length)} run${runs.length === 1 ? "" : "s"} of `, named];
}

function leftOut(runs) {
  if (!runs) return [];
  const what = runs === 1 ? "1 run is" : `${count(runs)} runs are`;
  return [element("p", {class: "quiet"}, `${what} left out: samples of their tests are missing, or there are too many.`)];
}

function scoresPanel({scores}) {
  const head = HEADS.map((name, i) => element("th", {scope: "col", class: i > 0 && i < 5 ? "figure" : ""}, name));
  const shown = scores.filter((row) => row.interval);
  return panel(
    "Scores and differences",
    {name: "groups", wide: true, rows: () => rowsOf(scores)},
    element(
      "div",
      {class: "scroll", tabindex: 0, role: "region", "aria-label": "scores and differences"},
      element(
        "table",
        {class: "list differences"},
        element("thead", {}, element("tr", {}, ...head)),
        element("tbody", {}, ...scores.map(lineOf)),
      ),
    ),
    element(
      "p",
      {class: "quiet note"},
      "± is the standard deviation over the runs of a group. The interval, Welch's, is of the difference of the means: what other " +
        "seeds might have given on the same test; on other samples each mean could differ too. A score that no seed changed has none.",
    ),
    element("p", {class: "many", role: "note"}, warning(shown.length, 1)),
  );
}

function lineOf(row) {
  const {name} = row,
    figure = (text) => element("td", {class: "figure"}, text),
    spread = (value) => figure(value === null ? "–" : amount(name, value));
  return element(
    "tr",
    {},
    element("th", {scope: "row", title: meaningOf(name)}, nameOf(name)),
    figure(valueOf(name, row.mean_a)),
    spread(row.spread_a),
    figure(valueOf(name, row.mean_b)),
    spread(row.spread_b),
    ...differenceCells(row, "A", "B"),
  );
}

function rowsOf(scores) {
  return [
    ["score", "mean of A", "spread of A", "mean of B", "spread of B", "difference", "low", "high"],
    ...scores.map((row) => [
      row.name,
      row.mean_a,
      row.spread_a,
      row.mean_b,
      row.spread_b,
      row.difference,
      row.interval?.low,
      row.interval?.high,
    ]),
  ];
}

const given = JSON.parse($("#given").textContent);
if (given.asked) {
  $("#views").replaceChildren(element("div", {class: "panel view bone"}));
  try {
    show(given.kept ?? (await fetched(`${given.base}/groups/compared?${new URLSearchParams(given.asked)}`)), given);
  } catch (error) {
    $("#wrong").hidden = false;
    $("#wrong span").textContent = error.message;
    $("#views").replaceChildren();
  }
}
document.body.dataset.drawn = "1";
