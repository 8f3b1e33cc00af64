// Where the rows of a block lie on the x axis: at their step, epoch or time, or at what another metric was then.

import {nearest} from "./series.js";
import {view} from "./view.js";

/** Return the x values of a run's block on the chosen axis; null: it has none. `over`: the block of the other metric. */
export function xsOf({columns, raw}, run, over) {
  if (view.axis === "relative") return columns.time.map((time) => time - run.started_at);
  if (view.axis === "wall") return columns.time;
  if (view.axis === "epoch") return Number.isNaN(columns.epoch[0]) ? null : Float64Array.from(columns.epoch);
  if (view.axis === "metric") return over ? across(columns.step, raw, over) : null;
  return columns.step;
}

/**
 * Return for each row what the other metric was: of a point the value at its step or the last before, of a bucket the
 * mean of what lies in it. Where nothing was yet, NaN; null: that is everywhere.
 */
function across(steps, isRaw, {columns: {step, mean}}) {
  const found = new Float64Array(steps.length).fill(NaN);
  let j = 0, last = NaN;
  for (let i = 0; i < steps.length; i++) {
    let sum = 0, count = 0;
    for (; j < step.length && step[j] <= steps[i]; j++) {
      if (!Number.isFinite(mean[j])) continue;
      last = mean[j];
      [sum, count] = [sum + last, count + 1];
    }
    found[i] = count && !isRaw ? sum / count : last;
  }
  return Number.isFinite(last) ? found : null;
}

/** Return whether values never fall: those of steps and times, but not those of every metric. */
export function isRising(values) {
  return view.axis !== "metric" || values.every((value, i) => i === 0 || value >= values[i - 1]);
}

/** Return the least and the greatest of values that are finite, and above 0 where `isLog`. */
export function extentOf(values, isLog) {
  const there = values.filter((value) => Number.isFinite(value) && (!isLog || value > 0));
  return there.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);
}

/** Return the number of the row nearest to x. */
export function rowAt(xs, x) {
  if (isRising(xs)) return nearest(xs, x);
  return xs.reduce((best, value, i) => (Math.abs(value - x) < Math.abs(xs[best] - x) || Number.isNaN(xs[best]) ? i : best), 0);
}

/** Return the first and the last row that lie between two x values, both included where they are; -1: there is none. */
export function rowsBetween(xs, from, to) {
  if (view.axis !== "metric") return [xs.findIndex((value) => value >= from), xs.findLastIndex((value) => value <= to)];
  const isInside = (value) => value >= from && value <= to;
  return [xs.findIndex(isInside), xs.findLastIndex(isInside)];
}
