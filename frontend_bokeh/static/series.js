// Series in the browser: reading fragments (see blocks.py), joining what is appended, smoothing.

const HEADER_BYTES = 24;
const APPEND = 1, RAW = 2;

/** Yield the fragments of a message's buffer. Columns are typed arrays of their own. */
export function* fragments(buffer) {
  const head = new DataView(buffer);
  let at = 0;
  while (at < buffer.byteLength) {
    const [run, key, rows, total, flags, odd] = Array.from({length: 6}, (_, i) => head.getUint32(at + 4 * i, true));
    let from = at + HEADER_BYTES;
    const column = (kind, bytes, length = rows) => {
      const values = new kind(buffer.slice(from, from + bytes * length));
      from += bytes * length;
      return values;
    };
    const columns = {step: column(Float64Array, 8), time: column(Float64Array, 8)};
    for (const name of ["epoch", "mean", "low", "high", "last"]) columns[name] = column(Float32Array, 4);
    columns.count = column(Uint32Array, 4);
    const counts = column(Uint32Array, 4, 4 * odd);
    const rowsThatAreOdd = Array.from({length: odd}, (_, i) => {
      const [row, nan, inf, ninf] = counts.subarray(4 * i, 4 * i + 4);
      return {row, nan, inf, ninf};
    });
    yield {run, key, total, append: (flags & APPEND) !== 0, raw: (flags & RAW) !== 0, odd: rowsThatAreOdd, columns};
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
  const before = block.columns.step.length, rows = part.columns.step.length;
  if (part.columns.step[0] <= block.columns.step.at(-1)) return "gap";
  for (const [name, values] of Object.entries(block.columns)) {
    const joined = new values.constructor(before + rows);
    joined.set(values);
    joined.set(part.columns[name], before);
    block.columns[name] = joined;
  }
  block.total = part.total;
  block.odd.push(...part.odd.map((one) => ({...one, row: one.row + before})));
  return "ok";
}

function without(part, rows) {
  const columns = Object.fromEntries(Object.entries(part.columns).map(([name, values]) => [name, values.slice(rows)]));
  const odd = part.odd.filter((one) => one.row >= rows).map((one) => ({...one, row: one.row - rows}));
  return {...part, columns, odd};
}

/**
 * Exponential moving average over bucket means, each weighted by its count, with the start's bias taken out: what a
 * smoothing of all points with `weight` gives, up to the order inside a bucket. A constant stays exactly that constant.
 * `state` says how far the average is before the first value; it goes on in there.
 */
export function smooth(mean, count, weight, state = start()) {
  if (weight <= 0) return mean;
  const smoothed = new Float64Array(mean.length);
  for (let i = 0; i < mean.length; i++) smoothed[i] = Number.isFinite(mean[i]) ? advance(state, mean[i], count[i], weight) : NaN;
  return smoothed;
}

function start() {
  return {sum: 0, bias: 1, constant: null};
}

function advance(state, value, count, weight) {
  const keep = weight ** count;
  state.sum = state.sum * keep + (1 - keep) * value;
  state.bias *= keep;
  state.constant = state.constant === null || state.constant === value ? value : NaN;
  return Number.isNaN(state.constant) ? state.sum / (1 - state.bias) : state.constant;
}

/**
 * Return the state of the average before `step`, from a block that begins earlier. Of a bucket in which `step` lies, as
 * many points are taken as would lie before it if they were evenly spread.
 */
export function seed({mean, count, step: last}, step, weight) {
  const state = start();
  for (let i = 0; i < mean.length; i++) {
    const before = i === 0 ? last[0] - count[0] : last[i - 1];
    const part = last[i] < step ? 1 : count[i] === 1 ? 0 : (step - 1 - before) / (last[i] - before);
    if (part <= 0) break;
    if (Number.isFinite(mean[i])) advance(state, mean[i], part * count[i], weight);
  }
  return state;
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
