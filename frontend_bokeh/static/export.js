// A chart as a file: what is drawn, as PNG, SVG or CSV.

import {splitOf} from "./splits.js";

/** Return a chart as a Blob of `kind`: png, svg or csv. */
export function exported(chart, kind) {
  return {png, svg, csv}[kind](chart);
}

function svg(chart) {
  return new Blob([chart.view.export("svg", false).ctx.get_serialized_svg(true)], {type: "image/svg+xml"});
}

/** With the card's colour as ground: the canvas itself has none. */
function png(chart) {
  const {canvas} = chart.view.export("png");
  const painted = document.createElement("canvas");
  [painted.width, painted.height] = [canvas.width, canvas.height];
  const context = painted.getContext("2d");
  context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--panel");
  context.fillRect(0, 0, painted.width, painted.height);
  context.drawImage(canvas, 0, 0);
  return new Promise((resolve) => painted.toBlob(resolve, "image/png"));
}

function csv(chart) {
  const rows = ["run,name,rank,split,step,epoch,time,mean,low,high,last,count,smoothed"];
  for (const {run, rank, key, block: {columns}, y} of chart.curves) {
    const {step, epoch, time, mean, low, high, last, count} = columns;
    for (let i = 0; i < step.length; i++) {
      const at = new Date(time[i] * 1000).toISOString();
      rows.push([run.id, cell(run.name), rank, splitOf(key), step[i], epoch[i], at, mean[i], low[i], high[i], last[i], count[i], y[i]].join(","));
    }
  }
  return new Blob([rows.join("\n") + "\n"], {type: "text/csv"});
}

/** A text that a spreadsheet would take for a formula gets an apostrophe; tab and return may stand before one. */
export function cell(text) {
  return `"${/^[=+\-@\t\r]/.test(text) ? "'" : ""}${text.replaceAll('"', '""')}"`;
}
