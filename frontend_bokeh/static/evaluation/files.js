// A panel as a file: its drawing as SVG or PNG, its numbers as CSV.

import {cell} from "../export.js";

const STYLES = [
  "fill",
  "fill-opacity",
  "stroke",
  "stroke-width",
  "stroke-opacity",
  "stroke-dasharray",
  "font-family",
  "font-size",
  "font-weight",
  "text-anchor",
  "opacity",
];

/** Return rows as a file; numbers stay numbers. */
export function csv(rows) {
  const text = (value) => (value === null || value === undefined ? "" : typeof value === "number" ? value : cell(String(value)));
  return new Blob([rows.map((row) => row.map(text).join(",")).join("\n") + "\n"], {type: "text/csv"});
}

/** Return a drawing by itself: with the styles that the page gives it, on the panel's colour. */
export function svgFile(drawing) {
  return new Blob([selfContained(drawing)], {type: "image/svg+xml"});
}

export async function pngFile(drawing) {
  const {width, height} = drawing.getBoundingClientRect(),
    image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(selfContained(drawing))}`;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), {width: width * 2, height: height * 2});
  canvas.getContext("2d").drawImage(image, 0, 0, width * 2, height * 2);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

function selfContained(drawing) {
  const copy = drawing.cloneNode(true),
    {width, height} = drawing.getBoundingClientRect();
  const own = [drawing, ...drawing.querySelectorAll("*")],
    copies = [copy, ...copy.querySelectorAll("*")];
  for (const [i, element] of own.entries()) {
    const style = getComputedStyle(element);
    copies[i].setAttribute("style", STYLES.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";"));
    copies[i].removeAttribute("class");
  }
  const ground = document.createElementNS(copy.namespaceURI, "rect");
  const colour = getComputedStyle(document.documentElement).getPropertyValue("--panel");
  for (const [name, value] of Object.entries({width: "100%", height: "100%", fill: colour})) ground.setAttribute(name, value);
  copy.prepend(ground);
  for (const [name, value] of Object.entries({width, height})) copy.setAttribute(name, value);
  return new XMLSerializer().serializeToString(copy);
}

/** Let the browser keep a file. */
export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
