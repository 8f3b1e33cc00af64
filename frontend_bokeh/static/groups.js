// Runs grouped by a key of their configuration: of each group a line of the mean, in a band of its spread.

import {isRising} from "./places.js";
import {isLogX, view} from "./view.js";

const CELLS = 200; // on the x axis
const IDS_AN_ADDRESS = 100; // of runs: proxies take addresses of 8 KB
const NONE = "–"; // the value of runs that have none

let configs = new Map(); // by run id: {key: text}
let values = []; // of `view.group`, in the order of the groups

/** Load what the newest runs and those of `more` are configured with; return whether that could be found out. */
export async function loadConfigs(more = []) {
  const parts = [[]];
  for (let begin = 0; begin < more.length; begin += IDS_AN_ADDRESS) parts.push(more.slice(begin, begin + IDS_AN_ADDRESS).map((run) => ["run", run.id]));
  const address = `${location.pathname.replace(/\/$/, "")}/configs?`;
  const answers = await Promise.all(parts.map((part) => fetch(address + new URLSearchParams(part), {cache: "no-store"})));
  if (!answers.every(({ok}) => ok)) return false;
  configs = new Map((await Promise.all(answers.map((answer) => answer.json()))).flatMap(({runs}) => Object.entries(runs)));
  return true;
}

export const hasConfig = (run) => configs.has(run.id);

/** Return the keys by which runs can be grouped. */
export function groupKeys() {
  return [...new Set([...configs.values()].flatMap((config) => Object.keys(config)))].sort();
}

/** Number the groups of all runs, numbers by their size: a group then keeps its colour on all charts. */
export function arrangeGroups(runs) {
  const found = new Set(view.group ? runs.map(groupOf) : []);
  values = [...found].sort((a, b) => Number(a) - Number(b) || a.localeCompare(b, [], {numeric: true}));
}

const groupOf = (run) => configs.get(run.id)?.[view.group] ?? NONE;

/** Return what a run's group is called and its number, or null: runs are not grouped. */
export function groupNamed(run) {
  if (!view.group || !configs.size) return null;
  const value = groupOf(run);
  return {name: `${view.group} = ${value}`, at: Math.max(0, values.indexOf(value))};
}

/**
 * Return the groups of curves: `{name, at, curves, x, mean, low, high, least, most, count}`, by cells of the x axis. Low
 * and high are a standard deviation away from the mean, least and most are of the `count` curves that reach a cell.
 */
export function grouped(curves) {
  const byName = Map.groupBy(curves, ({run, split}) => [groupNamed(run).name, split].filter(Boolean).join(" · "));
  return [...byName].map(([name, found]) => {
    const some = found.map(rising);
    const x = cells(some);
    const ys = some.map((curve) => onCells(x, curve));
    const spread = Array.from(x, (_, i) => spreadOf(ys.map((y) => y[i]).filter(Number.isFinite)));
    const column = (pick) => Float64Array.from(spread, pick);
    return {
      name, at: groupNamed(some[0].run).at, curves: found, x, mean: column(({mean}) => mean),
      low: column(({mean, deviation}) => mean - deviation), high: column(({mean, deviation}) => mean + deviation),
      least: column(({least}) => least), most: column(({most}) => most), count: column(({count}) => count),
    };
  });
}

/** Return a curve in the order of its x axis, which another metric need not have. */
function rising(curve) {
  if (isRising(curve.x)) return curve;
  const order = [...curve.x.keys()].filter((i) => Number.isFinite(curve.x[i])).sort((a, b) => curve.x[a] - curve.x[b]);
  return {...curve, x: Float64Array.from(order, (i) => curve.x[i]), y: Float64Array.from(order, (i) => curve.y[i])};
}

/** The middles of cells from the first to the last x of any curve. */
function cells(curves) {
  const [there, back] = isLogX() ? [Math.log, Math.exp] : [(value) => value, (value) => value];
  const first = (x) => (isLogX() ? x.find((value) => value > 0) ?? Infinity : x[0]);
  const from = there(Math.min(...curves.map(({x}) => first(x)))), to = there(Math.max(...curves.map(({x}) => x.at(-1))));
  if (!(to > from)) return Float64Array.of(back(from));
  const count = Math.min(CELLS, Math.max(2, ...curves.map(({x}) => x.length)));
  return Float64Array.from({length: count}, (_, i) => back(from + ((to - from) * i) / (count - 1)));
}

/** Return a curve's value in each cell: the mean of what lies in it, or what lies between its neighbours. */
function onCells(middles, {x, y}) {
  const values = new Float64Array(middles.length).fill(NaN);
  let i = 0;
  for (let cell = 0; cell < middles.length; cell++) {
    const end = cell + 1 < middles.length ? (middles[cell] + middles[cell + 1]) / 2 : Infinity;
    let sum = 0, count = 0;
    for (; i < x.length && x[i] < end; i++) {
      if (Number.isFinite(y[i])) [sum, count] = [sum + y[i], count + 1];
    }
    if (count) values[cell] = sum / count;
    else if (i > 0 && i < x.length) values[cell] = y[i - 1] + ((y[i] - y[i - 1]) * (middles[cell] - x[i - 1])) / (x[i] - x[i - 1]);
  }
  return values;
}

function spreadOf(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0;
  return {mean, deviation, least: Math.min(...values), most: Math.max(...values), count: values.length};
}
