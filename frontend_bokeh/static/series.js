// Series in the browser: reading fragments (see blocks.py), joining what is appended, smoothing.

const HEADER_BYTES = 32;
export const APPEND = 1;

/** Yield the fragments of a message's buffer. Columns are typed arrays of their own. */
export function* fragments(buffer) {
  const head = new DataView(buffer);
  let at = 0;
  while (at < buffer.byteLength) {
    const [run, key, rows, total, flags, nan, inf, ninf] = Array.from({length: 8}, (_, i) => head.getUint32(at + 4 * i, true));
    let from = at + HEADER_BYTES;
    const column = (kind, bytes) => {
      const values = new kind(buffer.slice(from, from + bytes * rows));
      from += bytes * rows;
      return values;
    };
    const columns = {step: column(Float64Array, 8), time: column(Float64Array, 8)};
    for (const name of ["epoch", "mean", "low", "high", "last"]) columns[name] = column(Float32Array, 4);
    columns.count = column(Uint32Array, 4);
    yield {run, key, total, append: (flags & APPEND) !== 0, raw: (flags & 2) !== 0, bad: nan + inf + ninf, columns};
    at = Math.ceil(from / 8) * 8;
  }
}

/**
 * Put an appended fragment behind a block. Return "ok", "seen", or "gap" if points are missing between them. Points that
 * the block has already are left out; of buckets that is not possible, and they are a gap.
 */
export function append(block, part) {
  if (part.total <= block.total) return "seen";
  const points = part.columns.count.reduce((sum, count) => sum + count, 0);
  const known = block.total - (part.total - points);
  if (known > 0 && part.raw) part = without(part, known);
  else if (known !== 0) return "gap";
  const rows = part.columns.step.length;
  if (part.columns.step[0] <= block.columns.step.at(-1)) return "gap";
  for (const [name, values] of Object.entries(block.columns)) {
    const joined = new values.constructor(values.length + rows);
    joined.set(values);
    joined.set(part.columns[name], values.length);
    block.columns[name] = joined;
  }
  block.total = part.total;
  block.bad += part.bad;
  return "ok";
}

function without(part, rows) {
  const columns = Object.fromEntries(Object.entries(part.columns).map(([name, values]) => [name, values.slice(rows)]));
  return {...part, columns, bad: columns.last.reduce((sum, value) => sum + !Number.isFinite(value), 0)};
}

/**
 * Exponential moving average over bucket means, each weighted by its count, with the start's bias taken out: what a
 * smoothing of all points with `weight` gives, up to the order inside a bucket. A constant stays exactly that constant.
 */
export function smooth(mean, count, weight) {
  if (weight <= 0) return mean;
  const smoothed = new Float64Array(mean.length);
  let sum = 0, bias = 1, constant = null;
  for (let i = 0; i < mean.length; i++) {
    const value = mean[i];
    if (!Number.isFinite(value)) {
      smoothed[i] = NaN;
      continue;
    }
    const keep = weight ** count[i];
    sum = sum * keep + (1 - keep) * value;
    bias *= keep;
    constant = constant === null || constant === value ? value : NaN;
    smoothed[i] = Number.isNaN(constant) ? sum / (1 - bias) : constant;
  }
  return smoothed;
}

/** Return the index of the value nearest to `x` in a rising array. */
export function nearest(values, x) {
  let low = 0, high = values.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (values[middle] < x) low = middle;
    else high = middle;
  }
  return Math.abs(values[high] - x) < Math.abs(values[low] - x) ? high : low;
}
