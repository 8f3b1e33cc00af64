// What is marked on curves: where an event lies on the x axis, and how it looks.

import {nearest} from "./series.js";
import {view} from "./view.js";

const LEVELS = {error: {light: "#c92a2a", dark: "#ff7b72"}, warn: {light: "#9a6700", dark: "#e3b341"}, info: {light: "#2563eb", dark: "#5b9dff"}};
const KINDS = [ // a kind of event begins with ..., its marker, and its level where none is told
  [/^alert/, "diamond", "warn"], [/^(gap|fail|thread failed)/, "diamond", "error"], [/^checkpoint/, "square"],
  [/^(resum|fit|restart)/, "circle"], [/^(lr|learning)/, "cross"], [/./, "inverted_triangle"],
];
const BY_TIME = "system"; // the split whose steps are seconds: those of events are not of it

/** Return how an event looks: its marker, and a colour where it has one of its own. */
export function looksOfEvent({kind, level}) {
  const [, marker, usual] = KINDS.find(([pattern]) => pattern.test(kind.toLowerCase())) ?? KINDS.at(-1);
  return {marker, color: LEVELS[level ?? usual]?.[view.theme]};
}

/**
 * Return where an event lies on the x axis of a curve. `block`: the whole of the curve, `x`: its values on the axis.
 * An event without a step lies where the run was at its time.
 */
export function placeOf({step, time}, {run, split, block: {columns}, x}) {
  if (view.axis === "wall") return time;
  if (view.axis === "relative") return time - run.started_at;
  const hasStep = step !== null && split !== BY_TIME;
  if (view.axis === "step" && hasStep) return step;
  return x[hasStep ? nearest(columns.step, step) : nearest(columns.time, time)];
}

/** Return what an event is called in one line. */
export function nameOfEvent({kind, step, text}) {
  return [kind, step === null ? "" : `step ${step.toLocaleString()}`, text.split("\n")[0]].filter(Boolean).join(" · ");
}
