// What the difference of two groups of runs means, in words: their runs differ in their seeds.

import {isLowerBetter} from "./words.js";
import {amount, deciding, inText, signed, winner} from "./verdict.js";

/** Return what the comparison of groups A and B says, decided by one row of its scores: `kind`, `heading` and `text`. */
export function seedsVerdict({scores, runs_a: runsA, runs_b: runsB}) {
  const row = deciding(scores);
  if (!row) return {kind: "unknown", heading: "Whether B is better than A is not known", text: whyUnknown(scores, runsA, runsB)};
  const {name, difference, interval} = row,
    score = inText(name),
    between = `[${signed(name, interval.low)}, ${signed(name, interval.high)}]`,
    told = `Welch's 95% interval of the difference of means (B minus A, of ${runsB.length} and ${runsA.length} runs) is ${between}`;
  if (difference === 0) return {kind: "noise", heading: `A and B are on average equal in ${score}`, text: `${told}.`};
  const [ahead, behind] = difference > 0 !== isLowerBetter(name) ? ["B", "A"] : ["A", "B"],
    size = `${amount(name, Math.abs(difference))} of ${score}`;
  if (winner(row) === "noise")
    return {
      kind: "noise",
      heading: `${ahead}'s advantage is within the noise of the seeds: ${size}`,
      text: `${told} and holds 0: with other seeds ${behind}'s mean could as well be ahead. More runs of each would narrow it.`,
    };
  return {
    kind: "better",
    heading: `${ahead} is on average better by ${size}`,
    text:
      `${told} and does not hold 0${isLowerBetter(name) ? " (of this score less is better)" : ""}: ` +
      `trained anew with other seeds, ${ahead}'s mean would very likely be ahead again on this test.`,
  };
}

function whyUnknown(scores, runsA, runsB) {
  const single = [
    ["A", runsA],
    ["B", runsB],
  ].filter(([, runs]) => runs.length < 2);
  if (scores.some((row) => row.spread_a === 0 && row.spread_b === 0))
    return (
      "No seed changed anything: all runs of A came to the same scores, and all of B. Without a spread nothing is known of " +
      "chance; see that each run has another seed, or compare a test of each sample by sample."
    );
  if (!single.length) return "No difference of these scores has an interval.";
  const who = single.map(([letter]) => letter).join(" and ");
  return (
    `${who} ${single.length > 1 ? "have" : "has"} a single run with this test, which shows no spread: ` +
    "train each recipe with two seeds at least."
  );
}
