// What stands at the axes: tick places and texts of steps, durations and times of day, without code from the server.

const Bokeh = window.Bokeh;
const [AdaptiveTicker, BasicTicker, LogTicker] = ["AdaptiveTicker", "BasicTicker", "LogTicker"].map((name) => Bokeh.Models.get(name));
const [LinearScale, LogScale] = ["LinearScale", "LogScale"].map((name) => Bokeh.Models.get(name));
const TickFormatter = Bokeh.Models.get("TickFormatter");

const MINUTE = 60, HOUR = 3600, DAY = 86400;
const NICE_S = [1, 2, 5, 10, 15, 30].concat(
  [1, 2, 5, 10, 15, 30].map((n) => n * MINUTE), [1, 2, 3, 6, 12].map((n) => n * HOUR), [1, 2, 5, 10, 20, 50, 100].map((n) => n * DAY));

/** Ticks at round numbers of seconds, minutes, hours or days. */
class DurationTicker extends AdaptiveTicker {
  static __name__ = "PrevueDurationTicker";
  get_interval(low, high, ticks) {
    const ideal = (high - low) / ticks;
    if (ideal < 1) return super.get_interval(low, high, ticks);
    return NICE_S.find((interval) => interval >= ideal * 0.8) ?? super.get_interval(low, high, ticks);
  }
}

/** The same, round on the viewer's clock. */
class ClockTicker extends DurationTicker {
  static __name__ = "PrevueClockTicker";
  get_ticks_no_defaults(low, high, cross, ticks) {
    const offset = new Date(low * 1000).getTimezoneOffset() * MINUTE;
    const {major, minor} = super.get_ticks_no_defaults(low - offset, high - offset, cross, ticks);
    return {major: major.map((tick) => tick + offset), minor: minor.map((tick) => tick + offset)};
  }
}

/** Ticks at 1, 2 and 5 of each decade where Bokeh's would be evenly spaced numbers, whose texts overlap on a log axis. */
class DecadeTicker extends LogTicker {
  static __name__ = "PrevueDecadeTicker";
  get_ticks_no_defaults(low, high, cross, ticks) {
    const decades = Math.log10(high / low);
    if (!(low > 0 && decades >= 1 && decades < 2)) return super.get_ticks_no_defaults(low, high, cross, ticks);
    const first = Math.floor(Math.log10(low));
    const round = [0, 1, 2].flatMap((n) => [1, 2, 5].map((mantissa) => +`${mantissa}e${first + n}`));
    return {major: round.filter((tick) => low <= tick && tick <= high), minor: []};
  }
}

function distance(ticks) {
  return ticks.length > 1 ? Math.abs(ticks[1] - ticks[0]) : 1;
}

class StepFormatter extends TickFormatter {
  static __name__ = "PrevueStepFormatter";
  doFormat(ticks) {
    return ticks.map((tick) => short(tick, distance(ticks), Math.max(...ticks.map(Math.abs))));
  }
}

class DurationFormatter extends TickFormatter {
  static __name__ = "PrevueDurationFormatter";
  doFormat(ticks) {
    return ticks.map((seconds) => duration(seconds, distance(ticks)));
  }
}

class ClockFormatter extends TickFormatter {
  static __name__ = "PrevueClockFormatter";
  doFormat(ticks) {
    return ticks.map((seconds) => clock(seconds, distance(ticks)));
  }
}

/** On a log axis each tick is exact by itself. */
class LogFormatter extends TickFormatter {
  static __name__ = "PrevueLogFormatter";
  constructor({kind, ...attributes}) {
    super(attributes);
    this._text = kind === "relative" ? duration : alone;
  }
  doFormat(ticks) {
    return ticks.map((tick) => this._text(tick, tick));
  }
}

const unitOf = (largest) => (largest >= 1e9 ? [1e9, "G"] : largest >= 1e6 ? [1e6, "M"] : largest >= 1e4 ? [1e3, "k"] : [1, ""]);

/** Return a number as 950, 12k or 1.25M: as exact as neighbours at `precision` need it. */
export function short(value, precision, largest = Math.abs(value)) {
  const [unit, letter] = unitOf(largest);
  return value === 0 ? "0" : (value / unit).toFixed(decimals(precision / unit)).replace("-", "−") + letter;
}

/** Return a number above 0 as 0.25, 950, 12k or 2e−5, whatever its neighbours are. */
function alone(value) {
  const [unit, letter] = unitOf(value), exact = +(value / unit).toPrecision(6);
  return (exact < 1e-3 ? exact.toExponential().replace("-", "−") : exact) + letter;
}

export function duration(seconds, precision = 1) {
  const sign = seconds < 0 ? "−" : "";
  seconds = Math.abs(seconds);
  const two = (value) => String(Math.floor(value)).padStart(2, "0");
  if (seconds >= DAY) return `${sign}${+(seconds / DAY).toFixed(1)}d`;
  if (seconds >= HOUR) return `${sign}${Math.floor(seconds / HOUR)}h${two((seconds % HOUR) / MINUTE)}`;
  if (seconds >= MINUTE) return `${sign}${Math.floor(seconds / MINUTE)}m${two(seconds % MINUTE)}`;
  return `${sign}${seconds.toFixed(decimals(precision))}s`;
}

/** How many digits behind the point tell neighbours at a distance apart. */
function decimals(precision) {
  return Math.min(9, Math.max(0, -Math.floor(Math.log10(precision) + 1e-9)));
}

function clock(seconds, precision) {
  const options = precision >= DAY ? {month: "short", day: "numeric"}
    : {hour: "2-digit", minute: "2-digit", ...(precision >= MINUTE ? {} : {second: "2-digit"}), hourCycle: "h23",
      ...(precision < 1 ? {fractionalSecondDigits: Math.min(3, decimals(precision))} : {})};
  return new Date(seconds * 1000).toLocaleString([], options);
}

const KINDS = {
  step: () => [new BasicTicker({desired_num_ticks: 6, min_interval: 1}), new StepFormatter()],
  epoch: () => [new BasicTicker({desired_num_ticks: 6, min_interval: 1}), new StepFormatter()],
  metric: () => [new BasicTicker({desired_num_ticks: 6}), new StepFormatter()],
  relative: () => [new DurationTicker({desired_num_ticks: 6}), new DurationFormatter()],
  wall: () => [new ClockTicker({desired_num_ticks: 4}), new ClockFormatter()],
};

/** Give an x axis the ticks of a kind, on a logarithmic or a linear scale. */
export function dressX(plot, axis, kind, isLog) {
  if (axis.kind === `${kind} ${isLog}`) return;
  axis.kind = `${kind} ${isLog}`;
  const [ticker, formatter] = isLog ? [new DecadeTicker({desired_num_ticks: 6, mantissas: [1, 2, 5]}), new LogFormatter({kind})] : KINDS[kind]();
  const Scale = isLog ? LogScale : LinearScale;
  if (!(plot.x_scale instanceof Scale)) plot.x_scale = new Scale();
  axis.setv({ticker, formatter});
}

/** Make a plot's y axis logarithmic or linear. */
export function dressY(plot, axis, isLog) {
  const [Scale, Ticker] = isLog ? [LogScale, DecadeTicker] : [LinearScale, BasicTicker];
  if (plot.y_scale instanceof Scale) return;
  plot.y_scale = new Scale();
  axis.linear ??= axis.formatter;
  const ticker = new Ticker({desired_num_ticks: 4, ...(isLog ? {mantissas: [1, 2, 5]} : {})});
  axis.setv({ticker, formatter: isLog ? new LogFormatter({kind: "metric"}) : axis.linear});
}
