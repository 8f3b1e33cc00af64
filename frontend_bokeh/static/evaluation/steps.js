// An evaluation that was repeated over a training: a slider goes through its steps.

import {element} from "../page.js";

/** A slider over the steps at which the evaluation was repeated. */
export function buildSteps(page) {
  const host = document.querySelector("#steps");
  if (!host) return;
  const at = () => page.steps.findIndex(({evaluation_id: id}) => id === page.evaluation.evaluation_id);
  const shown = element("output", {}, `step ${page.evaluation.step.toLocaleString("en-US")}`);
  const slider = element("input", {
    type: "range",
    min: 0,
    max: page.steps.length - 1,
    value: at(),
    "aria-label": "step of the training",
    oninput: async () => {
      const evaluation = page.steps[slider.value];
      shown.textContent = `step ${evaluation.step.toLocaleString("en-US")}`;
      slider.setAttribute("aria-valuetext", shown.textContent);
      page.evaluation = evaluation;
      history.replaceState(null, "", `${evaluation.evaluation_id}${location.search}`);
      document.querySelector("#compare").href = `compare?of=${evaluation.evaluation_id}`;
      await page.load();
    },
  });
  host.replaceChildren(slider, shown, element("span", {class: "quiet"}, `of ${page.steps.length} steps`));
}
