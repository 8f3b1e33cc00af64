// What the method checks have found wrong with the test: why, and when such a check speaks.

import {element, icon} from "../page.js";

export class Findings {
  constructor(page) {
    this.page = page;
    this.host = element("section", {class: "findings", "aria-label": "what looks wrong", hidden: true});
  }

  show() {
    const found = this.page.checks ?? [];
    this.host.hidden = !found.length;
    this.host.replaceChildren(
      ...found.map(({code, title, why, about}) =>
        element(
          "details",
          {class: "finding"},
          element("summary", {}, icon("alert"), element("b", {}, title), element("span", {}, why)),
          element("p", {class: "quiet"}, about.replaceAll("`", "")),
          element(
            "p",
            {class: "quiet"},
            "Where it is meant to be so: ",
            element("code", {}, `prevue checks ${this.page.evaluation.run_id} --silence ${code}`),
          ),
        ),
      ),
    );
  }
}
