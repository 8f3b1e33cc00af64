// A panel as a file: its picture as SVG or PNG, its numbers as CSV.

import {cell} from "../export.js";

/** Return rows as a file; numbers stay numbers. */
export function csv(rows) {
  const text = (value) => (value === null || value === undefined ? "" : typeof value === "number" ? value : cell(String(value)));
  return new Blob([rows.map((row) => row.map(text).join(",")).join("\n") + "\n"], {type: "text/csv"});
}

export function svgFile(picture) {
  return new Blob([new XMLSerializer().serializeToString(picture)], {type: "image/svg+xml"});
}

export async function pngFile(picture) {
  const [width, height] = ["width", "height"].map((side) => Number(picture.getAttribute(side))),
    image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(picture))}`;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), {width: width * 2, height: height * 2});
  canvas.getContext("2d").drawImage(image, 0, 0, width * 2, height * 2);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** Let the browser keep a file. */
export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
