// What the numbers of a comparison mean, in words.

import {count, isLowerBetter, nameOf, percent} from "./words.js";

const SHARES = /accuracy$/;

/** A difference with its sign: of accuracies in points of percent. */
export function signed(score, value) {
  return `${value > 0 ? "+" : value < 0 ? "−" : "±"}${amount(score, Math.abs(value))}`;
}

/** The size of a difference or a spread: of accuracies in points of percent. */
export function amount(score, size) {
  if (size === 0) return "0";
  if (SHARES.test(score)) return `${size < 0.0005 ? (size * 100).toPrecision(1) : (size * 100).toFixed(1)} pt`;
  return size >= 1 ? size.toPrecision(3) : size < 0.0005 ? size.toPrecision(1) : size.toFixed(3);
}

/** Who is better by a row of the comparison: "a", "b", "noise" where the interval holds 0, null where there is none. */
export function winner({name, interval}) {
  if (!interval || interval.low === null) return null;
  if (interval.low <= 0 && interval.high >= 0) return "noise";
  return interval.low > 0 !== isLowerBetter(name) ? "b" : "a";
}

/** The row by which a comparison is decided, of those that have an interval. */
export function deciding(rows) {
  const wanted = ["accuracy", "macro_f", "rmse", "mae"];
  return (
    wanted.map((name) => rows.find((row) => row.name === name && row.interval)).find(Boolean) ?? rows.find((row) => row.interval) ?? null
  );
}

/**
 * Return what a comparison says: `kind`, `heading` and `text`. It is decided by one row of its scores; where McNemar's
 * test does not agree with the interval of the accuracy, neither decides.
 */
export function verdict(pair, a, b) {
  const row = deciding(pair.scores);
  if (!row)
    return {
      kind: "unknown",
      heading: `Whether ${b} is better than ${a} is not known`,
      text: "No difference of these scores has an interval.",
    };
  const {name, difference, interval} = row,
    who = winner(row),
    score = inText(name),
    again = `on another ${count(pair.samples)} such samples`;
  const size = amount(name, Math.abs(difference)),
    between = `[${signed(name, interval.low)}, ${signed(name, interval.high)}]`;
  if (difference === 0)
    return {kind: "noise", heading: `${a} and ${b} are equal in ${score}`, text: `The 95% interval of the difference is ${between}.`};
  const [ahead, behind] = difference > 0 !== isLowerBetter(name) ? [b, a] : [a, b];
  if (who === "noise") {
    return {
      kind: "noise",
      heading: `${ahead}'s advantage is within noise: ${size} of ${score}`,
      text: `The 95% interval of the difference (${b} minus ${a}), ${between}, holds 0: ${again} ${behind} could as well be ahead.`,
    };
  }
  const ends = [interval.low, interval.high]
    .map(Math.abs)
    .sort((one, other) => one - other)
    .map((end) => amount(name, end));
  const by = `better by ${size} of ${score} [${ends.join(", ")}]`;
  if (name === "accuracy" && pair.mcnemar?.p_value >= 0.05) {
    return {
      kind: "noise",
      heading: `${ahead} is perhaps ${by}, at the border of noise`,
      text:
        "The 95% interval of the difference does not hold 0, but McNemar's test would not call the split uneven. Take it " +
        "for a hint: more samples would decide.",
    };
  }
  return {
    kind: "better",
    heading: `${ahead} is ${by}`,
    text:
      `The 95% interval of the difference does not hold 0${isLowerBetter(name) ? " (of this score less is better)" : ""}: ` +
      `${again} ${ahead} would very likely be ahead again.`,
  };
}

/** The name of a score inside a sentence. */
export function inText(score) {
  const name = nameOf(score);
  return /^[A-Z][a-z]/.test(name) ? name[0].toLowerCase() + name.slice(1) : name;
}

/** What McNemar's test says of the samples on which two disagree. */
export function disagreement({agreement, mcnemar}, a, b) {
  if (!agreement) return "";
  const apart = agreement.only_a + agreement.only_b;
  if (!apart) return "They are right about the very same samples.";
  const chance = mcnemar.p_value < 0.001 ? "in fewer than one of a thousand tests" : `in ${percent(mcnemar.p_value)} of tests`;
  const p = mcnemar.p_value < 0.001 ? mcnemar.p_value.toExponential(1) : mcnemar.p_value.toFixed(3);
  return (
    `Of ${count(apart)} sample${apart === 1 ? "" : "s"} only one of them is right about, ${b} has ${count(agreement.only_b)} and ${a} ` +
    `${count(agreement.only_a)}. Were both equally good, so uneven a split would come up ${chance} ` +
    `(McNemar's test, ${mcnemar.exact ? "counted exactly" : "chi square"}, p = ${p}).`
  );
}

/** What many intervals at once do to each of them. */
export function warning(intervals, pairs) {
  if (intervals < 2) return "";
  const by = (intervals * 0.05).toFixed(intervals < 40 ? 1 : 0);
  const [ofPairs, best] =
    pairs > 1 ? [` of ${pairs} pairs`, "; the best of several models looks better on the samples that chose it than on others"] : ["", ""];
  return (
    `${count(intervals)} differences are shown${ofPairs}, each with a 95% interval: even between equal models about ${by} of ` +
    `them would miss 0 by chance. Decide beforehand which score counts${best}.`
  );
}
