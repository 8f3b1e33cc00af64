// The list of runs: who is shown, how far each is. It is the charts' legend.

import {looksOf, runColor} from "./charts.js";
import {groupNamed} from "./groups.js";
import {element, icon, number} from "./page.js";
import {isSplit, ranksOf} from "./ranks.js";
import {svg} from "./svg.js";
import {change, hide, isHidden, isListed, isShown, view} from "./view.js";

const STATES = ["running", "lost", "failed", "finished"];
const ORDERS = {
  newest: (a, b) => b.started_at - a.started_at,
  oldest: (a, b) => a.started_at - b.started_at,
  name: (a, b) => a.name.localeCompare(b.name, [], {numeric: true}),
  state: (a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state),
  value: (a, b) => rank(b) - rank(a),
};
const rank = ({live: [, , , value]}) => (Number.isFinite(value) ? value : -Infinity);

/** A sample of a curve. */
function line(color, dash) {
  return svg("svg", {class: "sample", viewBox: "0 0 20 4", "aria-hidden": "true"}, svg("path", {d: "M0 2h20", stroke: color, "stroke-dasharray": dash.join(" ")}));
}

const pageOf = (run) => `${location.pathname.replace(/\/$/, "")}/runs/${run.id}`;

export class RunList {
  /** `highlight(id)`: a run is pointed at in the list, or none. */
  constructor(host, project, highlight) {
    this._host = host;
    this._project = project;
    this._highlight = highlight;
    this._rows = new Map(); // by run id
    this._current = null; // id of the run whose eye is reached by Tab
    host.addEventListener("keydown", (event) => this._move(event));
    const sort = document.querySelector("#sort");
    sort.addEventListener("change", () => change({sort: sort.value}));
    document.querySelector("#runs-count").addEventListener("click", () => this._toggleAll());
    document.querySelector("#only").addEventListener("click", () => change({only: new Set()}));
  }

  draw() {
    const all = [...this._project.runs.values()].filter((run) => run.is_newest || view.found.runs.has(run.id));
    const found = all.filter(isListed).sort(ORDERS[view.sort]);
    if (!found.some((run) => run.id === this._current)) this._current = found[0]?.id ?? null;
    const rows = found.map((run) => this._row(run));
    const isSame = rows.length === this._host.children.length && rows.every((row, i) => row === this._host.children[i]);
    if (!isSame) this._replace(rows);
    const shown = all.filter(isShown).length, running = all.filter((run) => run.state === "running").length;
    document.querySelector("#only").hidden = !view.only.size;
    document.querySelector("#only span").textContent = `${view.only.size} chosen`;
    document.querySelector("#runs-count span").textContent = `${shown} of ${all.length} shown`;
    const count = this._project.isAll ? `${all.length} run${all.length === 1 ? "" : "s"}` : `the newest ${all.length} runs; a search finds older ones`;
    document.querySelector("#runs-foot").textContent = `${count} · ${running} running`;
    document.querySelector("#runs-skeleton").hidden = true;
  }

  /** Mark the run whose curve is pointed at. */
  mark(run) {
    for (const [id, row] of this._rows) row.classList.toggle("near", id === run?.id);
  }

  /** New places for rows; what had the focus keeps it. */
  _replace(rows) {
    const focused = document.activeElement;
    this._host.replaceChildren(...rows);
    if (focused?.isConnected && this._host.contains(focused)) focused.focus({preventScroll: true});
  }

  _row(run) {
    if (!this._rows.has(run.id)) this._rows.set(run.id, this._made(run));
    const row = this._rows.get(run.id);
    const [step, split, name, value] = run.live;
    const set = (selector, text, title) => {
      const part = row.querySelector(selector);
      if (part.textContent !== text) Object.assign(part, {textContent: text, title}); // at each tick, of each run
    };
    const eye = row.querySelector(".eye");
    row.classList.toggle("off", isHidden(run));
    eye.setAttribute("aria-pressed", String(!isHidden(run)));
    for (const reached of row.querySelectorAll("button, a")) reached.tabIndex = run.id === this._current ? 0 : -1;
    row.querySelector(".swatch").style.setProperty("--run", runColor(run));
    row.querySelector(".run-state").dataset.state = run.state;
    this._showRanks(run, row.querySelector(".run-ranks"));
    set(".run-group", groupNamed(run)?.name ?? "", "");
    set(".run-name", run.name, run.name);
    set(".run-value", name === null ? "" : number(value), name === null ? "" : `${split}/${name}`);
    set(".run-state", run.state, "");
    set(".run-tags", run.tags.join(" · "), run.tags.join(" · "));
    set(".run-step", step === null ? "" : `step ${step.toLocaleString()}`, "");
    return row;
  }

  /** Of a run that is split by rank: how the line of each rank looks. */
  _showRanks(run, host) {
    const looks = isSplit(run) && isShown(run) ? ranksOf(run).map((rank) => ({rank, ...looksOf({run, rank})})) : [];
    const shown = JSON.stringify(looks);
    if (host.dataset.shown === shown) return;
    host.dataset.shown = shown;
    host.replaceChildren(...looks.map(({rank, color, dash}) => element("span", {class: "rank", title: `rank ${rank}`}, line(color, dash), String(rank))));
  }

  _made(run) {
    const point = (id) => () => this._highlight(id);
    const eye = element("button", {class: "eye", "aria-label": `show ${run.name}`, onfocus: point(run.id), onblur: point(null),
      onclick: () => this._toggle(run.id)}, icon("eye"), icon("eye-off"));
    return element("li", {class: "run", "data-id": run.id, onmouseenter: point(run.id), onmouseleave: point(null)},
      eye, element("span", {class: "swatch"}), element("a", {class: "run-name", href: pageOf(run)}), element("span", {class: "run-value"}),
      element("span", {class: "run-more"}, element("span", {class: "run-state"}), element("span", {class: "run-tags"})),
      element("span", {class: "run-step"}), element("span", {class: "run-ranks"}), element("span", {class: "run-group"}));
  }

  _toggle(id) {
    this._current = id;
    hide([this._project.runs.get(id)], (run) => !isHidden(run));
  }

  /** Show all runs that pass the filter; if all are shown, hide them. */
  _toggleAll() {
    const runs = [...this._project.runs.values()].filter(isListed);
    const isAllShown = runs.every(isShown);
    hide(runs, () => isAllShown);
  }

  _move(event) {
    const rows = [...this._host.children];
    const at = rows.findIndex((row) => row.contains(event.target));
    const to = {ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1}[event.key];
    if (to === undefined || at < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const row = rows[Math.min(rows.length - 1, Math.max(0, to))];
    this._current = row.dataset.id;
    for (const other of rows) {
      for (const reached of other.querySelectorAll("button, a")) reached.tabIndex = other === row ? 0 : -1;
    }
    row.querySelector(event.target.matches("a") ? "a" : ".eye").focus();
  }
}
