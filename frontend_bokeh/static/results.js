// The results of a run: a box for each name and split, drawn when it comes into view, with a slider where it has steps.

import {element, icon} from "./page.js";
import {failure, show} from "./panels.js";

const NEAR = "300px"; // of the window: what is so near is drawn
const WAIT_MS = 90; // that the slider stands still
const FEW = 3; // results whose names begin alike have a section of their own
const MANY = 24; // boxes of a section that begins closed
const SPLITS = ["train", "val", "test"];
const $ = (selector) => document.querySelector(selector);
const here = location.pathname;
let turn = Promise.resolve(); // boxes are drawn one after the other

/** One result: of one kind, split, name and rank, at any of its steps. */
class Box {
  constructor(result) {
    this.key = keyOf(result);
    this._body = element("div", {class: "body"});
    this._badge = element("span", {class: "count"});
    this._foot = element("div", {class: "steps", hidden: true});
    this._grow = element("button", {class: "icon tool", "aria-label": "larger", title: "larger", "aria-pressed": false, onclick: () => this._toggle()}, icon("grow"));
    this._over = element("button", {class: "icon tool", hidden: true, "aria-label": "over all steps", title: "over all steps", "aria-pressed": false, onclick: () => this._turn()}, icon("curve"));
    const split = element("span", {class: "split"}, `${result.split}/`);
    const rank = result.rank ? element("span", {class: "quiet"}, `rank ${result.rank}`) : "";
    this.host = element("article", {class: "result", "data-kind": result.kind, "aria-label": `${result.split}/${result.name}`},
      element("header", {}, element("h3", {title: `${result.split}/${result.name}`}, split, result.name), rank, this._badge, this._over, this._grow), this._body, this._foot);
    this.take(result);
  }

  /** Take the names as they are now; a box that stands at the last step goes on with it. */
  take(result) {
    const isNew = this.result?.last_result_id !== result.last_result_id;
    this.result = result;
    this._over.hidden = !result.is_whole || result.count < 2;
    this._badge.textContent = result.last_step === null ? "" : `step ${(this._step ?? result.last_step).toLocaleString("en-US")}`;
    if (isNew && this.isSeen) this._refresh();
  }

  see(isSeen) {
    if (this.isSeen === isSeen) return;
    this.isSeen = isSeen;
    if (isSeen) this._refresh();
    else this._away();
  }

  async _refresh() {
    const {result} = this, isAtEnd = this._chosen === undefined || this._chosen === this._steps?.at(-1)?.[1];
    if (result.count > 1 && this._stepsOf !== result.last_result_id) await this._loadSteps();
    if (isAtEnd) this._chosen = this._steps?.at(-1)?.[1] ?? result.last_result_id;
    this._slide();
    await this._draw();
  }

  async _loadSteps() {
    const {kind, split, name, rank, last_result_id: last} = this.result;
    const answer = await ask(`${here}/steps?${new URLSearchParams({kind, split, name, rank})}`).catch(() => null);
    if (answer) [this._steps, this._stepsOf] = [answer.steps, last];
  }

  _slide() {
    const steps = this._steps ?? [];
    this._foot.hidden = steps.length < 2 || this._isOver;
    if (steps.length < 2) return;
    const at = Math.max(0, steps.findIndex(([, id]) => id === this._chosen));
    this._step = steps[at][0];
    if (!this._range) {
      this._range = element("input", {type: "range", min: 0, "aria-label": `step of ${this.result.name}`, oninput: () => this._moved()});
      this._output = element("output");
      this._foot.append(this._range, this._output);
    }
    this._range.max = steps.length - 1;
    this._range.value = at;
    this._tell(at);
  }

  _moved() {
    const at = Number(this._range.value);
    [this._step, this._chosen] = this._steps[at];
    this._tell(at);
    clearTimeout(this._timer);
    this._timer = setTimeout(() => this._draw(), WAIT_MS);
  }

  _tell(at) {
    const step = this._steps[at][0];
    const text = step === null ? "no step" : `step ${step.toLocaleString("en-US")}`;
    this._badge.textContent = text;
    this._output.textContent = `${at + 1} of ${this._steps.length}`;
    this._range.setAttribute("aria-valuetext", text);
  }

  /** Draw the chosen step, unless another one is chosen meanwhile, or nobody looks any more when it is its turn. */
  async _draw() {
    const {kind, split, name, rank, last_result_id: last} = this.result;
    const wanted = () => (this._isOver ? `over ${last}` : this._chosen), id = wanted();
    if (id === this._drawn) return;
    const address = this._isOver ? `over-steps?${new URLSearchParams({kind, split, name, rank})}` : id;
    const answer = await ask(`${here}/${address}`).catch((error) => ({error: error.message}));
    turn = turn.then(() => id === wanted() && id !== this._drawn && this.isSeen && this._show(id, answer));
    await turn;
  }

  /** Draw all steps as one, or the chosen one again. */
  _turn() {
    this._isOver = !this._isOver;
    this._over.setAttribute("aria-pressed", String(this._isOver));
    this._slide();
    this._draw();
  }

  async _show(id, answer) {
    const old = this._clear, body = element("div", {class: "body"});
    this._body.replaceWith(body); // what is shown stays until the next is there
    this._body = body;
    this._drawn = id;
    if (answer.parts || answer.owner) this._clear = await show(answer, body);
    else body.append(failure("", "", answer.error));
    old?.();
    this.host.dataset.drawn = id;
    if (!this.isSeen) this._away();
  }

  _away() {
    this._clear?.();
    this._clear = this._drawn = undefined;
    delete this.host.dataset.drawn;
  }

  _toggle() {
    const isLarge = this.host.classList.toggle("large");
    this._grow.setAttribute("aria-pressed", String(isLarge));
    this.host.scrollIntoView({block: "nearest"});
  }
}

async function ask(address) {
  const answer = await fetch(address);
  if (answer.ok && !answer.redirected) return answer.json();
  throw new Error(answer.redirected ? "Log in again." : answer.status === 404 ? "It is not there any more." : `The dashboard answers with ${answer.status}.`);
}

const keyOf = ({kind, split, name, rank}) => JSON.stringify([kind, split, name, rank]);

const boxes = new Map(), sections = new Map();
const byHost = new Map();
const observer = new IntersectionObserver((entries) => {
  for (const {target, isIntersecting} of entries) byHost.get(target)?.see(isIntersecting);
}, {rootMargin: NEAR});
window.prevue = {boxes}; // for tests and the console

/** Put boxes and sections in the place of the names that the page has now. */
function sync() {
  const names = JSON.parse($("#result-names").textContent).sort(inOrder), titles = Map.groupBy(names, ({name}) => prefixOf(name));
  const bySection = Map.groupBy(names, ({name}) => (titles.get(prefixOf(name)).length >= FEW ? prefixOf(name) : ""));
  for (const [title, inside] of bySection) {
    if (!sections.has(title)) addSection(title);
    fill(sections.get(title).cards, inside.map((result) => boxOf(result).host));
  }
  const inSight = [...sections].sort(([a], [b]) => inAlphabet(a, b));
  fill($("#results"), inSight.map(([, {host}]) => host));
  filter();
}

/** Let a box have these children; what stands in its place already is not touched. */
function fill(host, children) {
  if (host.children.length !== children.length || children.some((one, at) => host.children[at] !== one)) host.replaceChildren(...children);
}

const inAlphabet = (a, b) => a.localeCompare(b, "en", {numeric: true});

const prefixOf = (name) => (name.includes("/") ? name.slice(0, name.indexOf("/")) : "");

function inOrder(a, b) {
  const place = ({split}) => (SPLITS.indexOf(split) + 1 || SPLITS.length + 1);
  return inAlphabet(a.name, b.name) || place(a) - place(b) || a.rank - b.rank;
}

/** Return the box of a result, which knows its latest step. */
function boxOf(result) {
  const known = boxes.get(keyOf(result));
  if (known) known.take(result);
  else {
    const box = new Box(result);
    boxes.set(box.key, box);
    byHost.set(box.host, box);
    observer.observe(box.host);
  }
  return boxes.get(keyOf(result));
}

function addSection(title) {
  const cards = element("div", {class: "boxes"}), count = element("span", {class: "count"});
  const host = element("details", {class: "section"}, element("summary", {}, icon("chevron"), element("h2", {}, title || "results"), count), cards);
  sections.set(title, {host, cards, count});
}

function filter() {
  const text = $("#result-filter").value, test = tester(text);
  $("#result-filter").setAttribute("aria-invalid", String(test === null));
  let shown = 0;
  for (const {host, cards, count} of sections.values()) {
    const inside = [...cards.children];
    for (const card of inside) card.hidden = test !== null && !test(card.getAttribute("aria-label"));
    const here = inside.filter((card) => !card.hidden).length;
    shown += here;
    host.hidden = !here;
    count.textContent = here;
    if (!host.begun) [host.begun, host.open] = [true, inside.length <= MANY];
  }
  $("#result-count").textContent = boxes.size ? `${shown} of ${boxes.size}` : "";
  $("#no-results").hidden = boxes.size > 0;
  $("#no-match").hidden = !boxes.size || shown > 0;
}

/** Return what a name is tried with; null: the text is no regular expression. */
function tester(text) {
  try {
    const pattern = new RegExp(text, "i");
    return (name) => pattern.test(name);
  } catch {
    return null;
  }
}

/** Keep what is looked for in the address, so that a link or a reload shows it. */
function search(text) {
  $("#result-filter").value = text;
  history.replaceState(null, "", here + (text ? `?${new URLSearchParams({q: text})}` : ""));
  filter();
}

$("#result-filter").value = new URLSearchParams(location.search).get("q") ?? "";
$("#result-filter").addEventListener("input", ({target}) => search(target.value));
$("#clear-filter").addEventListener("click", () => search(""));
new MutationObserver(sync).observe($("#result-names"), {childList: true, characterData: true, subtree: true});
sync();
