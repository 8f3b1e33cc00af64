// What each threshold of a score does: the four counts, and what follows from them. All of it is worked out here.

export class Sweep {
  /** `told`: columns, thresholds falling; the first (null) predicts nothing. `most`: of so many it was thinned to. */
  constructor(told, most = 1001) {
    const {threshold, true_positives: hit, false_positives: alarm, false_negatives: miss, true_negatives: rest} = told;
    Object.assign(this, {hit, alarm, miss, rest, threshold: threshold.map((value) => value ?? Infinity)});
    this.isThinned = threshold.length >= most;
    this.size = threshold.length;
    const finite = this.threshold.slice(1);
    [this.low, this.high] = finite.length ? [finite.at(-1), finite[0]] : [0, 1];
  }

  /** The place of what a threshold predicts: the last one that is not below it. */
  at(threshold) {
    let low = 0,
      high = this.size - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.threshold[middle] >= threshold) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  counts(place) {
    return {hit: this.hit[place], alarm: this.alarm[place], miss: this.miss[place], rest: this.rest[place]};
  }

  /** The place whose `value(counts)` is the greatest. */
  best(value) {
    let best = 0,
      most = -Infinity;
    for (let place = 0; place < this.size; place++) {
      const found = value(this.counts(place));
      if (found > most) [best, most] = [place, found];
    }
    return best;
  }

  /** The place where a curve passes nearest to a point; `of(counts)` returns its x and y there. */
  nearest(x, y, of) {
    return this.best((counts) => {
      const [a, b] = of(counts);
      return -Math.hypot((a ?? 2) - x, (b ?? 2) - y);
    });
  }
}

const ratio = (part, whole) => (whole > 0 ? part / whole : null);

export const precision = ({hit, alarm}) => ratio(hit, hit + alarm);
export const recall = ({hit, miss}) => ratio(hit, hit + miss);
export const fallOut = ({alarm, rest}) => ratio(alarm, alarm + rest);
export const f1 = ({hit, alarm, miss}) => ratio(2 * hit, 2 * hit + alarm + miss);
const total = ({hit, alarm, miss, rest}) => hit + alarm + miss + rest;

/** The mean cost of a sample, from what one of each outcome costs. */
export function cost(counts, prices) {
  return ["hit", "alarm", "miss", "rest"].reduce((sum, name) => sum + counts[name] * prices[name], 0) / total(counts);
}

/** Scores by name, null where one is not defined. */
export function scoresOf(counts) {
  const {hit, alarm, miss, rest} = counts,
    specificity = ratio(rest, rest + alarm);
  const spread = Math.sqrt((hit + alarm) * (hit + miss) * (rest + alarm) * (rest + miss));
  return {
    precision: precision(counts),
    recall: recall(counts),
    f: f1(counts),
    specificity,
    accuracy: ratio(hit + rest, total(counts)),
    balanced_accuracy: specificity === null || recall(counts) === null ? null : (recall(counts) + specificity) / 2,
    matthews: spread > 0 ? (hit * rest - alarm * miss) / spread : 0,
  };
}
