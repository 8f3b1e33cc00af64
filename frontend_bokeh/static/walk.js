// A chart without a pointer: arrows go along its points, Page Up and Page Down from event to event, and what stands there
// is shown as under a pointer, and spoken.

/** Let keys move over the chart in `host`, which `chartOf()` returns. `page`: has `hover(chart, event)` and `leave()`. */
export function startWalking(host, chartOf, page) {
  let at = null; // on the x axis
  host.addEventListener("blur", () => {
    if (at !== null) page.leave();
    at = null;
  });
  host.addEventListener("keydown", (event) => {
    const chart = chartOf();
    if (!chart?.curves.length || event.ctrlKey || event.altKey || event.metaKey) return;
    const to = next(chart, at, event);
    if (to === undefined) return;
    event.preventDefault();
    at = to;
    page.hover(chart, placeOf(chart, at));
    page.speak();
  });
}

/** Return where a key leads to from x, null being nowhere yet; undefined: it is none of ours. */
function next(chart, at, {key, shiftKey}) {
  const stops = key.startsWith("Page") ? chart.events.map(({x}) => x) : chart.curves.flatMap(({x}) => [...x]);
  const [low, high] = chart.zoom ?? [-Infinity, Infinity];
  const all = [...new Set(stops.filter((x) => x >= low && x <= high))].sort((a, b) => a - b);
  const by = {ArrowRight: 1, ArrowLeft: -1, PageDown: 1, PageUp: -1}[key] * (shiftKey ? 10 : 1);
  if (key === "Home" || key === "End") return all.at(key === "Home" ? 0 : -1);
  if (Number.isNaN(by) || !all.length) return undefined;
  const forward = all.findIndex((x) => x > (at ?? -Infinity)), backward = all.findLastIndex((x) => x < (at ?? Infinity));
  const from = by > 0 ? (forward < 0 ? all.length - 1 : forward + by - 1) : (backward < 0 ? 0 : backward + by + 1);
  return all[Math.min(all.length - 1, Math.max(0, from))];
}

function placeOf(chart, x) {
  const {x_scale: across, y_scale: up, bbox} = chart.view.frame;
  const [y] = chart.at(x).map(({value}) => value).filter(Number.isFinite);
  return {x, y: y ?? NaN, sx: across.compute(x), sy: y === undefined ? bbox.vcenter : up.compute(y)};
}
