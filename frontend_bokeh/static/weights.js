// How the weights and gradients of the chosen layer went: their histograms over the steps of a run.

import {element} from "./page.js";
import {failure, show} from "./panels.js";

const MOST = 8; // drawings of a layer

/** Write how the weights and gradients of each layer were spread into the last two cells of its row; say of how many. */
export async function showSpreads(run, rows) {
  const answer = await fetch(`${run}/weights`).then((one) => (one.ok ? one.json() : null)).catch(() => null);
  const layers = answer?.layers ?? [];
  for (const [at, told] of layers.entries()) {
    for (const [k, cell] of [...rows[at]?.querySelectorAll(".spread") ?? []].entries()) {
      if (told[k]) cell.textContent = told[k].map((value) => +value.toPrecision(2)).join("\n± ");
    }
  }
  if (answer && layers.length < rows.length) {
    const text = `Weights and gradients of the first ${layers.length} of ${rows.length} layers; choose another to see its own.`;
    rows[0].closest("table").after(element("p", {class: "quiet"}, text));
  }
}

export class Weights {
  /** `logged`: of each layer its histograms (`weights.py`). `run`: the address of their run. */
  constructor(host, run, logged) {
    [this._host, this._run, this._logged] = [host, run, logged];
    this._clears = [];
    this._layer = null;
  }

  /** Show those of a layer; null: none is chosen. */
  show(layer) {
    if (layer === this._layer) return;
    this._layer = layer;
    for (const clear of this._clears.splice(0)) clear();
    const own = layer === null ? [] : this._logged[layer].slice(0, MOST);
    this._host.hidden = !own.length;
    this._host.lastElementChild.replaceChildren(...own.map((one) => this._box(one)));
  }

  _box({label, ...key}) {
    const body = element("div", {class: "body"}), rank = key.rank ? ` rank ${key.rank}` : "";
    this._draw(key, body);
    return element("figure", {class: "result tiny", "aria-label": `${key.name} over steps`}, element("figcaption", {}, `${label}${rank}`), body);
  }

  async _draw(key, body) {
    const layer = this._layer;
    const answer = await fetch(`${this._run}/results/over-steps?${new URLSearchParams(key)}`).then((one) => (one.ok ? one.json() : null)).catch(() => null);
    if (layer !== this._layer) return;
    if (!answer) body.append(failure("", "", "The dashboard does not answer."));
    else this._clears.push(await show(answer, body));
  }
}
