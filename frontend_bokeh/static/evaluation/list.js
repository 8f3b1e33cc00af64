// The list of a project's evaluations: the headline scores of the rows in view, as they come, two at a time.

import {Answers} from "./answers.js";
import {HEADLINES, meaningOf, nameOf, valueOf} from "./words.js";

const AT_ONCE = 2;
const answers = new Answers({base: document.querySelector("form").dataset.base});
const waiting = [];
let asking = 0;

async function fill(row) {
  const {evaluation: evaluation_id, run: run_id, task} = row.dataset;
  const {scores} = await answers.ask({evaluation_id, run_id}, "report");
  const named = HEADLINES[task].filter((name) => scores[name] !== null && scores[name] !== undefined).slice(0, 2);
  for (const [i, cell] of row.querySelectorAll(".score").entries()) {
    if (!named[i]) continue;
    cell.querySelector("b").textContent = valueOf(named[i], scores[named[i]]);
    cell.querySelector("span").textContent = nameOf(named[i]);
    cell.title = meaningOf(named[i]);
  }
}

function go() {
  while (waiting.length && asking < AT_ONCE) {
    asking += 1;
    fill(waiting.shift())
      .catch(() => null)
      .finally(() => {
        // the page of the evaluation tells why
        asking -= 1;
        go();
      });
  }
}

const seen = new IntersectionObserver((entries) => {
  for (const {isIntersecting, target} of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    waiting.push(target);
  }
  go();
});
for (const row of document.querySelectorAll("tr[data-evaluation]:not([data-empty])")) seen.observe(row);
