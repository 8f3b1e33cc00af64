// Series in the browser: reading fragments (see blocks.py), joining what is new, smoothing.

const HEADER_BYTES = 32;
const RAW = 1, RANK_BIT = 8; // of flags

/** Yield the fragments of a message's buffer. Columns are typed arrays of their own. `from`: null means all. */
export function* fragments(buffer) {
  const head = new DataView(buffer);
  let at = 0;
  while (at < buffer.byteLength) {
    const [run, key, rows, total, flags, odd] = Array.from({length: 6}, (_, i) => head.getUint32(at + 4 * i, true));
    const from = head.getFloat64(at + 24, true);
    let begin = at + HEADER_BYTES;
    const column = (kind, bytes, length = rows) => {
      const values = new kind(buffer.slice(begin, begin + bytes * length));
      begin += bytes * length;
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
    yield {run, key, total, from: Number.isNaN(from) ? null : from, raw: (flags & RAW) !== 0, rank: flags >>> RANK_BIT, odd: rowsThatAreOdd, columns};
    at = Math.ceil(begin / 8) * 8;
  }
}

/** Return fragments as they were before blocks.py has packed them. */
export async function unpack(buffer) {
  const stream = new Blob([buffer]).stream().pipeThrough(new DecompressionStream("deflate"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());
  const bytes = new Uint8Array(planes.length), words = planes.length / 4;
  for (let plane = 0; plane < 4; plane++) {
    for (let word = 0; word < words; word++) bytes[4 * word + plane] = planes[plane * words + word];
  }
  return bytes.buffer;
}

/**
 * Let a part take the place of what a block has from the part's `from` on. Return "ok", "seen" if the block goes as far
 * already, or "gap" if something is missing between them: the block is then as it was.
 */
export function join(block, part) {
  if (part.total <= block.total) return "seen";
  const {step, count} = block.columns;
  let kept = step.length;
  while (kept > 0 && step[kept - 1] >= part.from) kept--;
  if (block.raw !== part.raw || sum(count.subarray(0, kept)) + sum(part.columns.count) !== part.total) return "gap";
  const rows = part.columns.step.length;
  for (const [name, values] of Object.entries(block.columns)) {
    const joined = new values.constructor(kept + rows);
    joined.set(values.subarray(0, kept));
    joined.set(part.columns[name], kept);
    block.columns[name] = joined;
  }
  block.total = part.total;
  block.odd = [...block.odd.filter((one) => one.row < kept), ...part.odd.map((one) => ({...one, row: one.row + kept}))];
  return "ok";
}

function sum(counts) {
  return counts.reduce((total, count) => total + count, 0);
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
