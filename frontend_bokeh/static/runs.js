// The page of a project's curves: puts the session, the list of runs, the cards and the controls together.

import {Cards} from "./cards.js";
import {offerGroups, offerMetrics, offerRanks, startControls} from "./controls.js";
import {Link} from "./link.js";
import {arrangeGroups, hasConfig, loadConfigs} from "./groups.js";
import {element} from "./page.js";
import {Project} from "./project.js";
import {RunList} from "./runlist.js";
import {Seeker} from "./seek.js";
import {Tooltip} from "./tooltip.js";
import {change, hide, isFilter, isListed, onChange, readAddress, view} from "./view.js";

const $ = (selector) => document.querySelector(selector);
const given = JSON.parse($("#given").textContent);

readAddress();
const project = new Project(() => cards.watched(), {meta: showMeta, blocks: (keys) => cards.took(keys), live: showLive, events: () => cards.redraw()});
const list = new RunList($("#runs"), project, highlight);
const cards = new Cards($("#sections"), given.spec, project, new Tooltip($("#tooltip")), (run) => list.mark(run));
const seeker = new Seeker(project);
const address = new URL("../../session/ws", import.meta.url).href.replace("http", "ws"); // scripts lie two folders deep
const link = new Link(address, given.token, {state: showState, meta: (meta) => project.takeMeta(meta), message: (message) => project.take(message)});
project.link = link;
window.prevue = {view, project, cards, link, charts: cards.charts}; // for tests and the console

let knownRuns = 0;

function showMeta() {
  const wasAway = $("#pill").dataset.state === "reconnecting";
  showConnection(project.error ? "away" : "live");
  if (!project.isKnown) return;
  seeker.look(project.runs.size !== knownRuns); // of those that began meanwhile some may meet the filter
  knownRuns = project.runs.size;
  arrange();
  learnConfigs();
  newlyShown();
  if (wasAway && !project.error) cards.fetchAll();
  else cards.fetchMissing();
}

function showLive(touched, missing) {
  list.draw();
  cards.grew(touched, missing);
  showConnection(project.error ? "away" : "live");
}

/** Runs that began since are not known by their configuration yet. */
async function learnConfigs() {
  const runs = [...project.runs.values()].filter(isListed);
  if (!view.group || runs.every(hasConfig) || !await loadConfigs(runs.filter((run) => !run.is_newest))) return;
  offerGroups();
  arrange();
}

function arrange() {
  arrangeGroups([...project.runs.values()]);
  list.draw();
  offerRanks(project.shownRuns());
  offerMetrics([...project.keys.values()]);
  const count = cards.arrange();
  $("#nothing").replaceChildren(...nothing(count));
  $("#nothing").hidden = !$("#nothing").hasChildNodes();
  cards.update();
}

/** What is said where there is nothing to see, and how to change that. */
function nothing(cardCount) {
  const say = (text, label, act) => [element("p", {}, text), element("button", {onclick: act}, label)];
  const runs = [...project.runs.values()];
  if (!runs.length) return [$("#no-runs").content.cloneNode(true)];
  const found = runs.filter(isListed);
  if (!found.length && seeker.isSeeking) return [element("p", {}, "Looking for them…")];
  if (!found.length && view.only.size) return say("The chosen runs are not here any more, or the filter hides them.", "Show all", () => change({only: new Set(), runs: ""}));
  if (!found.length) return say(isFilter(view.runs) ? "No run meets the filter." : "No run's name matches the filter.", "Clear the filter", () => change({runs: ""}));
  if (!project.shownRuns().length) return say("All runs are hidden.", "Show all", () => hide(found, () => false));
  if (!cardCount && project.keys.size) return say("No metric's name matches the filter.", "Clear the filter", () => change({metrics: ""}));
  return cardCount ? [] : [element("p", {}, "No metric was logged yet.")];
}

// The connection

function showState(state, seconds) {
  const act = {
    open: () => {
      project.begin();
      seeker.begin();
    },
    seen: () => cards.fetchAll(),
    heard: () => showConnection("live"),
    lost: () => showConnection("reconnecting"),
    stale: () => showConnection("stale", seconds),
    outdated: () => showConnection("outdated"),
  };
  act[state]();
}

const BANNERS = {
  reconnecting: ["Connection lost.", "Charts show the last data received. Reconnecting…"],
  outdated: ["Prevue was updated.", "Charts show the last data received; a reload brings the new version and the same view."],
};

/** Show on pill and banner how things stand: live, away (the backend), reconnecting, stale or outdated. */
function showConnection(state, seconds) {
  const running = [...project.runs.values()].some((run) => run.state === "running");
  const shown = state === "away" ? "reconnecting" : state;
  const text = {live: running ? "live" : "up to date", outdated: "offline"}[state] ?? shown;
  $("#pill").dataset.state = shown;
  if ($("#pill-text").textContent !== text) $("#pill-text").textContent = text;
  $("#pill-age").textContent = state === "stale" ? `${Math.round(seconds)} s` : "";
  const [title, more] = state === "away" ? ["The backend does not answer.", `${project.error}. Charts show the last data received. Trying again…`]
    : BANNERS[state] ?? [];
  $("#banner").hidden = !title;
  if (title && $("#banner span").textContent !== more) {
    $("#banner b").textContent = title;
    $("#banner span").textContent = more;
  }
  $("#reload").hidden = state === "away";
}

// What a change of the view needs

let isRedrawing = false;
function highlight(id) {
  cards.highlighted = id;
  if (isRedrawing) return;
  isRedrawing = true;
  requestAnimationFrame(() => {
    isRedrawing = false;
    cards.redraw();
  });
}

let shownIds = new Set(); // of runs

/** Return the runs that are shown now and were not the last time. */
function newlyShown() {
  const before = shownIds, runs = project.shownRuns();
  shownIds = new Set(runs.map((run) => run.id));
  return runs.filter((run) => !before.has(run.id));
}

onChange((changed) => {
  if (!project.isKnown) return;
  const any = (...names) => names.some((name) => changed.has(name));
  if (any("runs", "only")) seeker.look();
  if (any("runs", "hidden", "only", "found", "sort", "metrics", "columns", "theme", "rank", "together", "pins", "group")) arrange();
  if (any("group", "found", "only", "runs")) learnConfigs();
  if (any("runs", "hidden", "only", "found")) cards.fetchRuns(newlyShown());
  if (any("rank")) cards.fetchAll(); // what was not shown has been left behind
  if (any("over")) cards.fetchMissing();
  if (any("axis", "over", "log", "logX", "theme")) cards.dress();
  else if (any("smoothing", "robust", "events")) cards.update();
});

startControls(() => cards.unzoomAll());
link.open();
