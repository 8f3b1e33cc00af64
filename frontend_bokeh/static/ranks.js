// The ranks of a distributed training's processes: whose curves are shown, and how they are told apart.
//
// A track is what a run's process logged under one key: {id, run, rank, key}. Most runs have one process, which is always
// shown.

import {view} from "./view.js";

export const RANKS_SHOWN = 16; // of a run that is split by rank
const DASHES = [[], [7, 4], [2, 3], [8, 3, 2, 3]];
const DEEPEST = 0.6; // of the way to the colour of text

export const trackId = (runId, rank, key) => `${runId}@${rank} ${key}`;
export const isDistributed = (run) => run.ranks.size > 1;
export const isSplit = (run) => view.rank === "all" && isDistributed(run);

/** Return the ranks of a run that are shown: of one with several processes those that are chosen. */
export function ranksOf(run) {
  const all = [...run.ranks.keys()];
  if (all.length < 2) return all;
  if (view.rank === "all") return all.slice(0, RANKS_SHOWN);
  if (all.includes(view.rank)) return [view.rank];
  return view.rank === 0 ? all.slice(0, 1) : [];
}

/** Return the tracks of runs that have a series of a key. */
export function tracksOf(key, runs) {
  const ranks = (run) => ranksOf(run).filter((rank) => run.ranks.get(rank).has(key));
  return runs.flatMap((run) => ranks(run).map((rank) => ({id: trackId(run.id, rank, key), run, rank, key})));
}

/** Return what a track is called; `split`: it has one of several on its chart. */
export const nameOf = ({run, rank, split}) => [run.name, isDistributed(run) ? `rank ${rank}` : "", split ?? ""].filter(Boolean).join(" · ");

/** Return how a rank's line is dashed where a run is split. */
export const dashOfRank = (run, rank) => DASHES[Math.max(0, ranksOf(run).indexOf(rank)) % DASHES.length];

/** Return a shade of a run's colour, `#rrggbb`: the higher the rank, the nearer to the colour of text. */
export function shadeOf(color, run, rank, text) {
  const ranks = ranksOf(run);
  const share = ranks.length > 1 ? (DEEPEST * Math.max(0, ranks.indexOf(rank))) / (ranks.length - 1) : 0;
  const parts = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const to = parts(text);
  return `#${parts(color).map((part, i) => Math.round(part + (to[i] - part) * share).toString(16).padStart(2, "0")).join("")}`;
}
