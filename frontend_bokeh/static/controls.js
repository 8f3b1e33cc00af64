// The control bar, the fields of both filters, and the keys.

import {Completion} from "./complete.js";
import {groupKeys, loadConfigs} from "./groups.js";
import {below, copy, element, isElsewhere, radiogroup, toast} from "./page.js";
import {RANKS_SHOWN, isDistributed} from "./ranks.js";
import {AXES, change, clamped, isFilter, isLogX, isRegex, onChange, readRank, view} from "./view.js";

const $ = (selector) => document.querySelector(selector);
const SMOOTHING_STEP = 0.05;

/** Let the user choose among the ranks of the shown runs, where one has more than one. */
export function offerRanks(runs) {
  const distributed = runs.filter(isDistributed);
  const ranks = [...new Set(distributed.flatMap((run) => [...run.ranks.keys()]))].sort((a, b) => a - b);
  $("#rank").hidden = !ranks.length;
  const all = ranks.length > RANKS_SHOWN ? `split by rank (${RANKS_SHOWN} of ${ranks.length})` : "split by rank";
  const options = [[0, "rank 0"], ["all", all], ...ranks.filter((rank) => rank).map((rank) => [rank, `rank ${rank}`])];
  if (!options.some(([value]) => value === view.rank)) options.push([view.rank, `rank ${view.rank}`]);
  const field = $("#rank"), shown = JSON.stringify(options);
  if (field.dataset.options === shown) return;
  field.dataset.options = shown;
  field.replaceChildren(...options.map(([value, text]) => element("option", {value}, text)));
  field.value = view.rank;
}

/** Let the user choose among the metrics that can be the x axis. */
export function offerMetrics(keys) {
  const field = $("#over"), ids = [...new Set([...keys.map(({id}) => id), ...(view.over ? [view.over] : [])])].sort();
  if (field.options.length === ids.length + 1) return; // they only become more
  field.replaceChildren(element("option", {value: ""}, "Metric"), ...ids.map((id) => element("option", {value: id}, id)));
  field.value = view.over;
}

/** Let the user choose among the keys of the configurations, by which runs can be grouped. */
export function offerGroups() {
  const field = $("#group"), keys = [...new Set([...groupKeys(), ...(view.group ? [view.group] : [])])];
  field.replaceChildren(element("option", {value: ""}, "no"), ...keys.map((key) => element("option", {value: key}, key)));
  field.value = view.group;
}

/** Complete filters of runs, once somebody is about to write one; where the fields do not come, the next time. */
function complete() {
  const begin = async () => {
    const answer = await fetch(`${location.pathname.replace(/\/$/, "")}/fields`).catch(() => null);
    if (answer?.ok) new Completion($("#run-filter"), $("#completions"), await answer.json(), true);
    else complete();
  };
  $("#run-filter").addEventListener("focus", begin, {once: true});
}

/** Make the controls work. `unzoom()` shows whole curves. */
export function startControls(unzoom) {
  const setAxis = (axis, over = "") => {
    unzoom(); // its range is of the old axis
    change({axis, over});
  };
  $("#over").addEventListener("change", ({target: {value}}) => (value ? setAxis("metric", value) : setAxis("step")));
  const setSmoothing = (value) => change({smoothing: clamped(value)});
  const showAxis = radiogroup($("#axis"), setAxis);
  const showColumns = radiogroup($("#per-row"), (columns) => change({columns: Number(columns)}));
  $("#smoothing").addEventListener("input", (event) => setSmoothing(event.target.value));
  $("#log").addEventListener("change", (event) => change({log: event.target.checked}));
  $("#robust").addEventListener("change", (event) => change({robust: event.target.checked}));
  $("#logx").addEventListener("change", ({target: {checked}}) => {
    unzoom(); // it may begin at 0 or before
    change({logX: checked});
  });
  $("#together").addEventListener("change", ({target: {checked}}) => {
    unzoom(); // its charts are others
    change({together: checked});
  });
  $("#rank").addEventListener("change", (event) => change({rank: readRank(event.target.value)}));
  $("#group").addEventListener("change", (event) => change({group: event.target.value}));
  for (const kind of ["focus", "pointerenter"]) {
    $("#group").addEventListener(kind, async () => await loadConfigs() && offerGroups(), {once: true});
  }
  $("#events").addEventListener("change", (event) => change({events: event.target.checked}));
  $("#linked").addEventListener("change", (event) => change({linked: event.target.checked}));
  complete();
  $("#run-filter").addEventListener("input", (event) => change({runs: event.target.value}));
  $("#metric-filter").addEventListener("input", (event) => change({metrics: event.target.value}));
  $("#reset").addEventListener("click", unzoom);
  $("#reload").addEventListener("click", () => location.reload());
  below($("#options"), $("#show-options"));
  $("#show-keys").addEventListener("click", () => $("#keys").showModal());
  $("#share").addEventListener("click", async () => {
    await copy(location.href);
    toast("Link copied: it shows the same view");
  });
  document.addEventListener("prevue-theme", (event) => change({theme: event.detail}));

  const show = () => {
    showAxis(view.axis);
    $("#over").value = view.over;
    showColumns(view.columns);
    if (clamped($("#smoothing").value) !== view.smoothing) $("#smoothing").value = view.smoothing;
    $("#smoothing-value").textContent = view.smoothing.toFixed(view.smoothing > 0.99 ? 3 : 2);
    $("#log").checked = view.log;
    $("#logx").checked = isLogX();
    $("#logx").disabled = view.axis === "wall";
    $("#robust").checked = view.robust;
    $("#together").checked = view.together;
    $("#events").checked = view.events;
    $("#linked").checked = view.linked;
    $("#rank").value = view.rank;
    $("#group").value = view.group;
    $("#sort").value = view.sort;
    $("#reset").disabled = view.zoom.size === 0;
    for (const [id, text] of [["#run-filter", view.runs], ["#metric-filter", view.metrics]]) {
      const isWrong = id === "#run-filter" && isFilter(text) ? view.found.error && !view.found.byName : !isRegex(text);
      if ($(id).value !== text) $(id).value = text;
      $(id).setAttribute("aria-invalid", String(Boolean(isWrong)));
      $(id).title = isRegex(text) ? "" : "not a regular expression: taken as plain text";
    }
    $("#run-refusal").textContent = isFilter(view.runs) && !view.found.byName ? view.found.error : "";
  };
  offerGroups();
  onChange(show);
  show();

  const acts = {
    "/": () => $("#run-filter").focus(),
    m: () => $("#metric-filter").focus(),
    "[": () => setSmoothing(view.smoothing - SMOOTHING_STEP),
    "]": () => setSmoothing(view.smoothing + SMOOTHING_STEP),
    x: () => setAxis(AXES[(AXES.indexOf(view.axis) + 1) % AXES.length]),
    l: () => change({log: !view.log}),
    r: unzoom,
    "?": () => $("#keys").showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented && event.target.matches("input, select")) {
      event.target.blur();
      if (event.target.type === "search") event.preventDefault(); // browsers would clear it
    }
    if (isElsewhere(event) || !Object.hasOwn(acts, event.key)) return;
    event.preventDefault();
    acts[event.key]();
  });
}
