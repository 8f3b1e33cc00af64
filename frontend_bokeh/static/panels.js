// What panels have drawn on the server (`drawing.py`), in a box of the page: figures, tables, texts, images, trees.

import {embed} from "./embed.js";
import {Frame} from "./framed.js";
import {element, icon, number, theme} from "./page.js";

const INK = {light: "#17202e", dark: "#e6eaf0"};
const ITEMS = 100; // of a list that a tree shows
const TIP = `:host { --tooltip-color: var(--panel); --tooltip-text: var(--text); --tooltip-border: var(--line); border-radius: 8px; padding: 7px 10px; opacity: 1;
  box-shadow: 0 4px 14px rgb(0 0 0 / 25%);
  --tooltip-arrow-color: var(--line); --tooltip-arrow-inner-color: var(--panel); font: 12px/1.5 Inter, system-ui, sans-serif; }
  .bk-tooltip-row-label { color: var(--text-3); }`;
const NON_FINITE = new Map([["NaN", NaN], ["Infinity", Infinity], ["-Infinity", -Infinity]]);

/** Show an answer in `host`, in the place of what was there. Resolves to a function that takes it away. */
export async function show({title, owner, parts, error}, host) {
  const figures = [];
  const dress = () => figures.forEach((figure) => figure.dress());
  const clear = () => {
    document.removeEventListener("prevue-theme", dress);
    for (const figure of figures.splice(0)) figure.destroy();
    host.replaceChildren();
  };
  host.replaceChildren();
  document.addEventListener("prevue-theme", dress);
  if (error) {
    host.append(failure(title, owner, error));
    return clear;
  }
  try {
    for (const part of parts) {
      const box = element("div", {class: `part ${Object.keys(part)[0]}`});
      host.append(box);
      if (part.figure) figures.push(await drawn(part.figure, box));
      else if (part.framed) figures.push(new Frame({title, owner, parts: [{figure: part.framed}]}, box, (cause) => box.append(failure(title, owner, cause))));
      else box.append(...MAKERS[Object.keys(part)[0]](part));
    }
    dress();
  } catch (broken) {
    clear();
    host.append(failure(title, owner, broken?.message ?? String(broken)));
  }
  return clear;
}

/** Tell in a box whose panel failed, and why. */
export function failure(title, owner, cause) {
  return element("div", {class: "part broken", role: "alert"}, icon("alert"),
    element("div", {}, element("b", {}, owner ? `The panel “${title}” of ${owner} failed.` : "This could not be loaded."), element("p", {}, cause)));
}

/** Draw a figure on the page itself; what it tells under the pointer looks as the page does. */
async function drawn(spec, host) {
  const {document: model, views, destroy} = await embed(spec, host);
  for (const view of views) {
    for (const one of inside(view)) for (const tip of one.ttmodels?.values() ?? []) tip.stylesheets = [TIP];
  }
  return {dress: () => colour(model, views), destroy};
}

/** Texts that a figure wants in the page's ink get it; axes and grid follow the page's style by themselves. */
function colour(model, views) {
  for (const one of model._all_models.values()) {
    if (one.tags?.includes("ink")) one.text_color = one.type === "Title" ? INK[theme()] : {value: INK[theme()]};
  }
  for (const view of views) for (const one of inside(view)) one.request_repaint?.();
}

/** A view and all views in it, of which some may not be there. */
function* inside(view) {
  yield view;
  for (const child of view.children_views?.() ?? []) if (child) yield* inside(child);
}

const MAKERS = {
  text: ({text}) => [element("pre", {tabindex: 0}, text)],
  image: ({image}) => [element("img", {src: `data:image/png;base64,${image}`, alt: "logged image"})],
  table: ({table, note}) => [tableOf(table), ...(note ? [element("p", {class: "quiet"}, note)] : [])],
  tree: ({tree}) => [branch(tree)],
};

function tableOf(columns) {
  const names = Object.keys(columns), isFigure = names.map((name) => columns[name].every((value) => value === null || isNumber(value)));
  const row = (at) => element("tr", {}, ...names.map((name, place) => element("td", {class: isFigure[place] ? "figure" : null}, cell(columns[name][at]))));
  return element("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "table"}, element("table", {class: "list"},
    element("thead", {}, element("tr", {}, ...names.map((name, place) => element("th", {scope: "col", class: isFigure[place] ? "figure" : null}, name)))),
    element("tbody", {}, ...(columns[names[0]] ?? []).map((_, at) => row(at)))));
}

const isNumber = (value) => typeof value === "number" || NON_FINITE.has(value);

function cell(value) {
  if (value === null) return "–";
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : number(value);
  return NON_FINITE.has(value) ? number(NON_FINITE.get(value)) : String(value);
}

/** A value that is folded out: objects and lists by a click, numbers and texts as they are. */
function branch(value, name = null, depth = 0) {
  const label = name === null ? [] : [element("b", {}, name), " "];
  if (value === null || typeof value !== "object") return element("div", {class: "leaf"}, ...label, element("code", {}, JSON.stringify(value)));
  const isList = Array.isArray(value), entries = Object.entries(value);
  const told = `${entries.length} ${isList ? "item" : "field"}${entries.length === 1 ? "" : "s"}`;
  const made = element("details", {open: depth < 2}, element("summary", {}, icon("chevron"), ...label, element("span", {class: "quiet"}, told)));
  const fill = () => {
    if (!made.open || made.filled) return;
    made.filled = true; // when it is opened first: payloads may be large
    const shown = entries.slice(0, ITEMS).map(([key, inner]) => branch(inner, key, depth + 1));
    made.append(...shown, ...(entries.length > ITEMS ? [element("div", {class: "leaf quiet"}, `and ${entries.length - ITEMS} more`)] : []));
  };
  made.addEventListener("toggle", fill);
  fill();
  return made;
}
