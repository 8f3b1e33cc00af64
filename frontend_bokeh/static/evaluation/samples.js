// The samples behind every number: chosen by cells, bars and slices, the worst first.

import {element, icon} from "../page.js";
import {inWords} from "./choice.js";
import {panel} from "./panel.js";
import {count, digits, valueOf} from "./words.js";

const ROWS = 25;
const ORDERS = {worst: "Worst first", surest: "Surest mistakes first", unsure: "Least sure first", logged: "As logged"};

/** Samples that the page holds as columns: it chooses among them without asking. */
export class Held {
  constructor(columns, evaluation) {
    Object.assign(this, {columns, evaluation});
    this.isAll = columns.sample_no.length === columns.total;
    this._scores = new Map();
  }

  /** Return the places of the samples that a filter means. */
  choose({target, prediction, is_wrong: isWrong, slice_name: name, slice_value: value, by, low, high}) {
    const {columns} = this,
      tests = [];
    if (target !== undefined) tests.push(this._isOf(columns.target, target));
    if (prediction !== undefined) tests.push(this._isOf(columns.prediction, prediction));
    if (isWrong !== undefined) tests.push((i) => (String(columns.target[i]) !== String(columns.prediction[i])) === isWrong);
    if (name !== undefined) {
      const {values, codes} = columns.slices[name],
        code = values.indexOf(value);
      tests.push((i) => codes[i] === code);
    }
    if (by !== undefined) {
      const values = this.valuesBy(by),
        [from, to] = [low ?? -Infinity, high ?? Infinity];
      tests.push((i) => values[i] >= from && values[i] < to);
    }
    return [...columns.sample_no.keys()].filter((i) => tests.every((test) => test(i)));
  }

  valuesBy(by) {
    const {columns, evaluation} = this,
      [kind, name] = by.split(/:(.*)/s);
    if (kind === "feature") return columns.features[name];
    if (kind === "error") return columns.prediction.map((value, i) => value - columns.target[i]);
    if (kind !== "score") return columns[kind];
    const isOther = evaluation.task === "binary" && Number(name) !== evaluation.positive,
      key = isOther ? evaluation.positive : name;
    if (!this._scores.has(key)) {
      const bytes = Uint8Array.from(atob(columns.scores[key]), (letter) => letter.charCodeAt(0));
      this._scores.set(key, new Float64Array(bytes.buffer));
    }
    return isOther ? this._scores.get(key).map((score) => -score) : this._scores.get(key);
  }

  /** Return what the backend would: `items` of a page, `total`, `slices`. */
  page(filter, order, offset, limit) {
    const places = this.choose(filter),
      {columns} = this;
    if (order !== "logged") places.sort((a, b) => columns.order[order][a] - columns.order[order][b]);
    const slices = Object.entries(columns.slices).flatMap(([slice, {values, codes}]) => {
      const counts = values.map(() => 0);
      for (const place of places) counts[codes[place]] += 1;
      return values.map((value, code) => ({slice, value, samples: counts[code]}));
    });
    return {items: places.slice(offset, offset + limit).map((place) => this._row(place)), total: places.length, slices};
  }

  _isOf(column, wanted) {
    const number = wanted < 0 ? -1 - wanted : wanted,
      isWanted = wanted >= 0;
    const has = this.evaluation.task === "multilabel" ? (i) => column[i].includes(number) : (i) => column[i] === number;
    return (i) => has(i) === isWanted;
  }

  _row(place) {
    const {
      columns,
      evaluation: {task, labels},
    } = this;
    const named = (value) => (task === "regression" ? value : task === "multilabel" ? value.map((one) => labels[one]) : labels[value]);
    return {
      sample_no: columns.sample_no[place],
      sample_id: columns.sample_id[place],
      target: named(columns.target[place]),
      prediction: named(columns.prediction[place]),
      score: columns.sure?.[place] ?? null,
      slices: Object.values(columns.slices).map(({values, codes}) => values[codes[place]]),
    };
  }
}

export class SamplesPanel {
  constructor(page) {
    this.page = page;
    this._from = 0;
    this._order = element(
      "select",
      {"aria-label": "order of the samples", onchange: ({target}) => page.choice.set({order: target.value})},
      ...Object.entries(ORDERS).map(([value, text]) => element("option", {value}, text)),
    );
    this._chips = element("div", {class: "chips"});
    this._count = element("p", {class: "quiet", role: "status"});
    this._head = element("tr");
    this._body = element("tbody");
    this._pages = element("div", {class: "pages"});
    const quick = element("button", {onclick: () => page.choice.pick({is_wrong: true})}, "Mistakes");
    this.panel = panel(
      "Samples",
      {wide: true, beside: [...(page.evaluation.task === "regression" ? [] : [quick]), this._order], rows: () => this._rows()},
      this._chips,
      this._count,
      element(
        "div",
        {class: "scroll", tabindex: 0, role: "region", "aria-label": "samples"},
        element("table", {class: "list"}, element("thead", {}, this._head), this._body),
      ),
      this._pages,
    );
  }

  /** Show the chosen samples from the first on. */
  show() {
    this._from = 0;
    return this._load();
  }

  async _load() {
    const {filter, order} = this.page.choice.values,
      number = (this._number ?? 0) + 1;
    this._number = number;
    try {
      const told = await this.page.samples(filter, order, this._from, ROWS);
      if (number !== this._number) return; // another question was asked meanwhile
      this._told = told;
      this._draw(told, filter, order);
      this.page.tellChosen(Object.keys(filter).length ? told.slices : null);
    } catch (error) {
      this._count.textContent = `The samples did not come: ${error.message}`;
    }
  }

  _draw({items, total, isCut}, filter, order) {
    this._order.value = order;
    const {evaluation} = this.page,
      words = inWords(filter, evaluation),
      isNumbers = evaluation.task === "regression";
    this._chips.replaceChildren(
      ...(words.length
        ? [
            element(
              "span",
              {class: "chip"},
              words.join(" · "),
              element(
                "button",
                {
                  class: "icon",
                  "aria-label": "show all samples again",
                  title: "all samples",
                  onclick: () => this.page.choice.set({filter: {}}),
                },
                icon("cross"),
              ),
            ),
          ]
        : []),
    );
    const {columns} = this.page.held ?? {};
    const among = isCut ? `, among the ${count(columns.sample_no.length)} of ${count(columns.total)} that this file holds` : "";
    this._count.textContent = `${count(total)} sample${total === 1 ? "" : "s"}${among}`;
    const names = ["Sample", isNumbers ? "True value" : "True", "Predicted", isNumbers ? "Error" : "Sure", ...evaluation.slices];
    this._head.replaceChildren(
      ...names.map((name, i) => element("th", {scope: "col", class: (isNumbers && i && i < 4) || i === 3 ? "figure" : ""}, name)),
    );
    this._body.replaceChildren(...items.map((item) => this._row(item, isNumbers)));
    this._turn(total, items.length);
  }

  _row({sample_id: id, sample_no: number, target, prediction, score, slices}, isNumbers) {
    const text = (value) => (Array.isArray(value) ? value.join(", ") || "none" : String(value));
    const name = element("th", {scope: "row"}, id ?? element("span", {class: "quiet"}, `no. ${number}`));
    const others = slices.map((value) => element("td", {}, value));
    if (isNumbers)
      return element(
        "tr",
        {},
        name,
        ...[target, prediction, prediction - target].map((value) => element("td", {class: "figure"}, digits(value))),
        ...others,
      );
    const isWrong = text(target) !== text(prediction);
    return element(
      "tr",
      {class: isWrong ? "wrongly" : ""},
      name,
      element("td", {}, text(target)),
      element("td", {class: "predicted"}, text(prediction), ...(isWrong ? [element("span", {class: "unseen"}, " (wrong)")] : [])),
      element("td", {class: "figure"}, score === null ? "–" : valueOf("", score)),
      ...others,
    );
  }

  _turn(total, shown) {
    const to = (from) => () => {
      this._from = from;
      this._load();
    };
    this._pages.replaceChildren(
      ...(total <= ROWS
        ? []
        : [
            element("button", {disabled: this._from === 0, onclick: to(Math.max(0, this._from - ROWS))}, "Before"),
            element("span", {class: "quiet"}, `${count(this._from + 1)} to ${count(this._from + shown)} of ${count(total)}`),
            element("button", {disabled: this._from + ROWS >= total, onclick: to(this._from + ROWS)}, "Next"),
          ]),
    );
  }

  _rows() {
    const {items} = this._told,
      {slices} = this.page.evaluation;
    return [
      ["sample", "true", "predicted", "score", ...slices],
      ...items.map((item) => [item.sample_id ?? item.sample_no, String(item.target), String(item.prediction), item.score, ...item.slices]),
    ];
  }
}
