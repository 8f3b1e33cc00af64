// The frame of every view: its title, what stands beside it, and its files.

import {element, icon} from "../page.js";
import {csv, download, pngFile, svgFile} from "./files.js";
import {pictureOf} from "./picture.js";

/**
 * Make a panel: `panel("ROC curve", {wide, note, beside: [elements], rows: () => [[...]]}, ...children)`.
 * `rows` are its numbers, the first of them names.
 */
export function panel(title, {wide = false, note = null, beside = [], rows = null, name = title}, ...children) {
  const id = `view-${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}`;
  const made = element("section", {class: `panel box view${wide ? " wide" : ""}`, id, "aria-labelledby": `${id}-title`});
  const head = element("header", {}, element("h2", {id: `${id}-title`}, title), element("span", {class: "space"}), ...beside);
  if (rows) head.append(...files(made, id.slice(5), title, rows));
  made.append(head, ...children);
  if (note) made.append(element("p", {class: "quiet note"}, note));
  return made;
}

function files(host, name, title, rows) {
  const kinds = {PNG: () => pngFile(pictureOf(host)), SVG: () => svgFile(pictureOf(host)), CSV: () => csv(rows())};
  const menu = element(
    "div",
    {class: "menu", popover: "", role: "menu", "aria-label": `${title} as a file`},
    ...Object.entries(kinds).map(([kind, make]) => {
      const onclick = async () => {
        menu.hidePopover();
        download(await make(), `${name}.${kind.toLowerCase()}`);
      };
      return element("button", {role: "menuitem", onclick}, kind);
    }),
  );
  const open = element(
    "button",
    {
      class: "tool",
      "aria-label": `save ${title}`,
      title: "save as a file",
      onclick: () => {
        menu.showPopover();
        const {right, bottom} = open.getBoundingClientRect();
        menu.style.left = `${Math.max(8, right - menu.offsetWidth)}px`;
        menu.style.top = `${Math.min(bottom + 2, innerHeight - menu.offsetHeight - 8)}px`;
        menu.querySelector("button").focus();
      },
    },
    icon("save"),
  );
  return [open, menu];
}

/** Make a group of buttons of which one is chosen; `radiogroup` of page.js lets it work. */
export function choices(label, named) {
  const buttons = Object.entries(named).map(([value, text]) =>
    element("button", {role: "radio", "data-value": value, "aria-checked": "false"}, text),
  );
  return element("div", {class: "group", role: "radiogroup", "aria-label": label}, ...buttons);
}
