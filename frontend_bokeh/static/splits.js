// Charts of one metric in all of its splits: which series such a chart has, and how their lines are told apart.
//
// The key of a series is `split/name`. A chart of several splits has the key `*/name`, as no split is called so.

import {element} from "./page.js";
import {svg} from "./svg.js";

const ALL = "*/";
const APART = "system"; // its steps are seconds
const SPLITS = ["train", "val", "test"]; // stand in this order, also side by side
const DASHES = [[], [7, 4], [2, 3], [8, 3, 2, 3]]; // theirs, and that of all others

export const splitOf = (id) => id.slice(0, id.indexOf("/"));
export const orderOf = (split) => SPLITS.indexOf(split) + 1 || 9;
export const dashOf = (split) => DASHES[SPLITS.indexOf(split)] ?? DASHES.at(-1);
export const isOfAll = (id) => id.startsWith(ALL);

/** Return what a chart is called in words. */
export const labelOf = (id) => (isOfAll(id) ? `${id.slice(ALL.length)} of all splits` : id);

/** Return keys by the charts that have them: `name` in all its splits as one, where there are several. */
export function chartsOfAll(keys) {
  const named = Map.groupBy(keys.filter(({split}) => split !== APART), ({name}) => name);
  return new Map([...named].filter(([, some]) => some.length > 1).map(([name, some]) => [ALL + name, some]));
}

/** Return what tells the splits of curves apart; nothing, where they are of one. */
export function legendOf(curves) {
  const splits = [...new Set(curves.map(({split}) => split).filter(Boolean))].sort((a, b) => orderOf(a) - orderOf(b));
  const line = (split) => svg("line", {x1: 0, x2: 20, y1: 3, y2: 3, "stroke-dasharray": dashOf(split).join(" ") || null});
  return splits.flatMap((split) => [svg("svg", {viewBox: "0 0 20 6", "aria-hidden": "true"}, line(split)), element("span", {}, split)]);
}
