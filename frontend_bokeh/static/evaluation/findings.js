// What the method checks have found wrong with the test: why, and when such a check speaks.

import {element, icon} from "../page.js";

export class Findings {
  constructor(page) {
    this.page = page;
    this.host = element("section", {class: "findings", "aria-label": "what looks wrong"});
  }

  /** Show what was found, null: as long as it is not known. */
  show(found) {
    const none = found ? "The method checks find nothing wrong with this test." : "Method checks are at work…";
    if (!found?.length) this.host.replaceChildren(element("p", {class: "panel quiet"}, none));
    else this._tell(found);
  }

  _tell(found) {
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
