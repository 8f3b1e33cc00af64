// The tools on a card: what a user does with one chart, beside zooming.

import {tableOf, tableOfEvents} from "./cardtext.js";
import {exported} from "./export.js";
import {element, icon, localTimes, placeBelow, toast} from "./page.js";
import {labelOf} from "./splits.js";
import {change, view} from "./view.js";

const HEIGHT = 210, TALL = 420, AROUND = 90; // CSS pixels: of plots, and of what is around one that fills the window

export class Tools {
  /** `host`: where the cards are. `page`: has `charts` by key, `cardOf(key)`, `fetch(keys)` and `unzoom(chart)`. */
  constructor(host, page) {
    this._host = host;
    this._page = page;
    this._menu = document.querySelector("#save");
    window.addEventListener("resize", () => this._full && this.fit(this._full));
    document.addEventListener("keydown", (event) => this._full && this._key(event));
    for (const item of this._menu.querySelectorAll("button")) item.addEventListener("click", () => this._save(item.dataset.kind));
  }

  /** Return the buttons of a key's card. */
  of(key) {
    const tool = (name, label, act) => element("button", {class: `tool ${name}`, "aria-label": `${label}: ${labelOf(key.id)}`, title: label, onclick: act}, icon(name));
    return element("div", {class: "tools"},
      tool("reset", "reset zoom", () => this._page.unzoom(this._page.charts.get(key.id))),
      tool("table", "view as table", () => this._showTable(key.id)),
      tool("save", "save", (event) => this._openMenu(key, event.currentTarget)),
      tool("pin", "pin", () => this._pin(key.id)),
      tool("grow", "larger", (event) => this._grow(key.id, event.currentTarget)),
      tool("full", "full screen", () => this._fill(key.id)));
  }

  /** Make a chart as high as its card says. */
  fit(key) {
    const {classList} = this._page.cardOf(key);
    const height = classList.contains("full") ? Math.max(HEIGHT, innerHeight - AROUND) : classList.contains("tall") ? TALL : HEIGHT;
    this._page.charts.get(key)?.grow(height);
  }

  _pin(key) {
    const pins = new Set(view.pins);
    if (!pins.delete(key)) pins.add(key);
    change({pins});
    this._page.cardOf(key).querySelector(".tool.pin").focus();
  }

  /** The key of the chart that fills the window. */
  get _full() {
    return this._host.querySelector(".card.full")?.dataset.key;
  }

  /** Escape ends the full screen; Tab stays within it. */
  _key(event) {
    if (document.querySelector("dialog[open], :popover-open")) return; // these keys are for it
    if (event.key === "Escape") this._fill(this._full);
    const stops = [...this._page.cardOf(this._full)?.querySelectorAll("button, [tabindex='0']") ?? []].filter((one) => one.checkVisibility());
    const from = event.shiftKey ? stops[0] : stops.at(-1), isInside = stops.includes(document.activeElement);
    if (event.key !== "Tab" || (isInside && document.activeElement !== from)) return;
    event.preventDefault();
    (event.shiftKey ? stops.at(-1) : stops[0]).focus();
  }

  /** Let one chart fill the window, or none any more. */
  _fill(key) {
    const before = this._host.querySelector(".card.full");
    const now = before?.dataset.key === key ? null : key;
    for (const card of [before, now && this._page.cardOf(now)].filter(Boolean)) {
      card.classList.toggle("full", card.dataset.key === now);
      card.querySelector(".tool.full").setAttribute("aria-pressed", String(card.dataset.key === now));
      this.fit(card.dataset.key);
      this._page.fetch([card.dataset.key]);
    }
  }

  _grow(key, button) {
    const isTall = this._page.cardOf(key).classList.toggle("tall");
    button.setAttribute("aria-pressed", String(isTall));
    this.fit(key);
    this._page.fetch([key]);
  }

  _openMenu(key, button) {
    this._saving = key;
    this._menu.showPopover();
    placeBelow(this._menu, button);
    this._menu.querySelector("button").focus();
  }

  async _save(kind) {
    this._menu.hidePopover();
    const {id, split, name} = this._saving;
    const blob = await exported(this._page.charts.get(id), kind);
    const link = element("a", {href: URL.createObjectURL(blob), download: `${[split, name.replaceAll("/", "-")].filter(Boolean).join("-")}.${kind}`});
    link.click();
    URL.revokeObjectURL(link.href);
    toast(`Saved ${link.download}`);
  }

  _showTable(key) {
    const dialog = document.querySelector("#table");
    dialog.querySelector("h2").textContent = labelOf(key);
    const {curves = [], events = []} = this._page.charts.get(key) ?? {};
    dialog.querySelector(".scroll").replaceChildren(...(curves.length ? [tableOf(curves)] : [element("p", {}, "No run that is shown has a value.")]),
      ...(events.length ? [element("h3", {}, "Events"), tableOfEvents(events)] : []));
    localTimes(dialog);
    dialog.showModal();
  }
}
