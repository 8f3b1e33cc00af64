// Completion of a filter: fields, what series come to, signs' values and words, at the place where the cursor stands.

import {element} from "./page.js";

const SHOWN = 12;
const SIGNS = ["=", "!=", "<", "<=", ">", ">=", "~", "in"];
const WORDS = ["and", "or"];
const TOKEN = /(?:"(?:\\.|[^"\\])*"?|[^\s"()<>=!~,])+|[<>!]=|[<>=~(),]/g; // words, with parts in quotes, and signs
const IS_SIGN = /^[<>=!~(),]/;

/** Return what may stand at the end of `text`: `{from, options}`, the options in place of what is from `from` on. */
export function completions(text, {fields, series, sums}) {
  const before = text.match(TOKEN) ?? [];
  const isBegun = before.length > 0 && text.endsWith(before.at(-1)) && !IS_SIGN.test(before.at(-1));
  const last = isBegun ? before.pop() : "", from = text.length - last.length;
  const known = new Map(fields.map((one) => [one.field, one]));
  const isField = (token = "") => known.has(token) || series.some((one) => token.startsWith(`${one.field}.`));
  const [ahead, sign] = [before.at(-2), before.at(-1)];
  const fits = (names) => found(names, last);
  if (isField(sign)) return {from, options: fits(SIGNS)};
  const of = SIGNS.includes(sign) ? ahead : known.get(listed(before))?.field;
  if (of !== undefined) return {from, options: fits((known.get(of)?.examples ?? []).map((value) => JSON.stringify(value)))};
  if (sign !== undefined && !["and", "or", "not", "("].includes(sign)) return {from, options: fits(WORDS)};
  const whole = series.find((one) => last.startsWith(`${one.field}.`));
  if (whole) return {from, options: fits(sums.map((sum) => `${whole.field}.${sum}`))};
  return {from, options: fits([...known.keys(), ...series.map((one) => `${one.field}.`)])};
}

/** Return the field before an open list, as in `config.optimizer in ("adam", `. */
function listed(tokens) {
  const at = tokens.lastIndexOf("(");
  return at > 1 && tokens[at - 1] === "in" && !tokens.slice(at).includes(")") ? tokens[at - 2] : undefined;
}

/** Return the names that a text is a part of, those that begin with it first. */
function found(names, text) {
  const low = text.toLowerCase(), at = (name) => name.toLowerCase().indexOf(low);
  return names.filter((name) => at(name) >= 0 && name !== text).sort((a, b) => Math.min(at(a), 1) - Math.min(at(b), 1)).slice(0, SHOWN);
}

export class Completion {
  /**
   * `known`: what runs can be asked for, as the backend tells it. `isOther`: the field is for names, too: nothing is
   * offered before anything is typed, and Tab takes only what is marked.
   */
  constructor(field, list, known, isOther = false) {
    [this._field, this._list, this._known, this._isOther, this._at] = [field, list, known, isOther, -1];
    field.addEventListener("input", () => this._offer());
    field.addEventListener("focus", () => this._offer());
    field.addEventListener("blur", () => this._close());
    field.addEventListener("keydown", (event) => this._key(event));
    list.addEventListener("mousedown", (event) => {
      event.preventDefault(); // the field keeps the focus
      this._take([...list.children].indexOf(event.target.closest("li")));
    });
  }

  _offer() {
    const {selectionStart: end, value} = this._field;
    const {from, options} = this._isOther && !value ? {options: []} : completions(value.slice(0, end), this._known);
    this._from = from;
    this._list.replaceChildren(...options.map((text, i) => element("li", {role: "option", id: `completion-${i}`}, text)));
    this._list.hidden = !options.length;
    this._field.setAttribute("aria-expanded", String(options.length > 0));
    this._mark(-1);
  }

  _close() {
    this._list.hidden = true;
    this._field.setAttribute("aria-expanded", "false");
    this._mark(-1);
  }

  _mark(at) {
    this._at = at;
    for (const [i, option] of [...this._list.children].entries()) option.setAttribute("aria-selected", String(i === at));
    if (at < 0) this._field.removeAttribute("aria-activedescendant");
    else this._field.setAttribute("aria-activedescendant", `completion-${at}`);
    this._list.children[at]?.scrollIntoView({block: "nearest"});
  }

  _key(event) {
    if (this._list.hidden) {
      if (event.key === "ArrowDown") this._offer();
      return;
    }
    const count = this._list.children.length;
    const to = {ArrowDown: (this._at + 1) % count, ArrowUp: (this._at - 1 + count) % count}[event.key];
    if (to !== undefined) this._mark(to);
    else if (event.key === "Tab" && !event.shiftKey && (this._at >= 0 || !this._isOther)) this._take(Math.max(this._at, 0));
    else if (event.key === "Enter" && this._at >= 0) this._take(this._at);
    else if (event.key === "Escape") this._close();
    else return;
    event.preventDefault();
  }

  /** Write an option in the place of what was begun; a field that goes on is offered further. */
  _take(at) {
    const text = this._list.children[at]?.textContent;
    if (text === undefined) return;
    const field = this._field;
    field.setRangeText(text.endsWith(".") ? text : `${text} `, this._from, field.selectionStart, "end");
    field.dispatchEvent(new Event("input"));
  }
}
