// What the method checks have found wrong with the test: why, and when such a check speaks.

import {element, icon} from "../page.js";

export class Findings {
  constructor(page) {
    this.page = page;
    this.host = element("section", {class: "findings", "aria-label": "what looks wrong"});
  }

  /** Show what the checks say, null: as long as it is not known. */
  show(told) {
    if (!told) this._say("Method checks are at work…");
    else if (told.found.length) this._tell(told.found);
    else this._say(`The method checks find nothing wrong with this test${unheard(told)}.`);
  }

  fail(error) {
    this._say(`What the method checks say did not come: ${error.message}`);
  }

  _say(text) {
    this.host.replaceChildren(element("p", {class: "panel quiet"}, text));
  }

  _tell(found) {
    this.host.replaceChildren(
      ...found.map(({code, title, why, about}) =>
        element(
          "details",
          {class: "finding"},
          element("summary", {}, icon("alert"), element("b", {}, title), element("span", {}, why)),
          element("p", {class: "quiet"}, about.replaceAll("`", "")),
          ...silencing(code, this.page.choice),
        ),
      ),
    );
  }
}

/** Return the form that silences a check and comes back to the page as it stands, with a link; none in a saved page. */
function silencing(code, choice) {
  const form = document.querySelector("#silence")?.content.firstElementChild.cloneNode(true);
  if (!form) return [];
  form.elements.code.value = code;
  form.querySelector("a").setAttribute("href", `${form.querySelector("a").getAttribute("href")}#${code}`);
  form.addEventListener("submit", () => (form.elements.then.value = `${location.pathname}?${choice.query}`));
  return [form];
}

/** Say how many have not been heard. */
function unheard({all, silenced, failed}) {
  const kinds = [
    [silenced, silenced === 1 ? "is silenced" : "are silenced"],
    [failed, "failed"],
  ];
  return kinds.map(([number, what]) => (number ? `; ${number} of ${all} ${what}` : "")).join("");
}
