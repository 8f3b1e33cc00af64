// What the visitor has chosen: class, threshold, samples. All views listen; the address keeps it.

const KEPT = ["label", "threshold", "order", "norm"], // in the address as they are
  PAUSE_MS = 200; // browsers refuse an address that changes more than some ten times a second, as in a drag

export class Choice {
  constructor(first) {
    this.values = {label: 0, threshold: null, filter: {}, order: "worst", norm: "count", ...first, ...fromAddress()};
    this._listeners = [];
    this._next = 0; // when the address may change
  }

  listen(hear) {
    this._listeners.push(hear);
  }

  /** Change some values, and tell all listeners which. */
  set(changes) {
    Object.assign(this.values, changes);
    for (const hear of this._listeners) hear(this.values, new Set(Object.keys(changes)));
    this._later ??= setTimeout(() => this._remember(), Math.max(0, this._next - performance.now()));
  }

  /** Choose samples: those that `filter` says, or all again where just these are chosen already. */
  pick(filter) {
    const isSame = JSON.stringify(filter) === JSON.stringify(this.values.filter);
    this.set({filter: isSame ? {} : filter});
  }

  /** Return what the address says of it all. */
  get query() {
    const query = new URLSearchParams(location.search);
    for (const name of KEPT)
      if (this.values[name] === null) query.delete(name);
      else query.set(name, this.values[name]);
    if (Object.keys(this.values.filter).length) query.set("filter", JSON.stringify(this.values.filter));
    else query.delete("filter");
    return query;
  }

  _remember() {
    [this._later, this._next] = [null, performance.now() + PAUSE_MS];
    if (location.protocol !== "file:") history.replaceState(null, "", `${location.pathname}?${this.query}`);
  }
}

function fromAddress() {
  const query = new URLSearchParams(location.search),
    found = {};
  for (const name of KEPT)
    if (query.has(name)) found[name] = ["label", "threshold"].includes(name) ? Number(query.get(name)) : query.get(name);
  try {
    if (query.has("filter")) found.filter = Object(JSON.parse(query.get("filter")));
  } catch {
    /* somebody's own address: all samples then */
  }
  return found;
}

/** Say which samples a filter means. */
export function inWords(filter, evaluation) {
  const named = (number) => (number < 0 ? `not ${evaluation.labels[-1 - number]}` : evaluation.labels[number]);
  const words = [];
  if (filter.target !== undefined) words.push(`true: ${named(filter.target)}`);
  if (filter.prediction !== undefined) words.push(`predicted: ${named(filter.prediction)}`);
  if (filter.is_wrong !== undefined) words.push(filter.is_wrong ? "predicted wrongly" : "predicted rightly");
  if (filter.slice_name !== undefined) words.push(`${filter.slice_name}: ${filter.slice_value}`);
  if (filter.by !== undefined) words.push(range(filter, evaluation));
  return words;
}

function range({by, low, high}, {labels}) {
  const [kind, name] = by.split(/:(.*)/s),
    what = kind === "score" ? `score of ${labels[name]}` : (name ?? kind);
  const text = (value) => String(+value.toPrecision(4));
  if (low === undefined) return `${what} < ${text(high)}`;
  return high === undefined ? `${what} ≥ ${text(low)}` : `${text(low)} ≤ ${what} < ${text(high)}`;
}
