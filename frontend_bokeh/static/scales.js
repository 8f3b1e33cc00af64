// Where values lie on an axis that numbers or texts stand at: shares from 0, the lowest, to 1.

import {number} from "./page.js";

const DECADES = 2; // positive numbers that reach over more are put on a logarithmic axis
const TICKS = 5, TEXTS = 12;

/** Return the axis that suits values: {isNumber, isLog, at(value): a share, or null for a value that is none, ticks}. */
export function scaleOf(values) {
  const there = values.filter((value) => value !== null);
  if (there.length && there.every((value) => typeof value === "number")) return numbers(Math.min(...there), Math.max(...there));
  return texts([...new Set(there.map(String))].sort((a, b) => a.localeCompare(b, [], {numeric: true})));
}

function numbers(low, high) {
  const isLog = low > 0 && high / low >= 10 ** DECADES;
  const there = isLog ? Math.log10 : (value) => value;
  const [from, to] = low === high ? [there(low) - 0.5, there(high) + 0.5] : [there(low), there(high)];
  const at = (value) => (typeof value === "number" ? (there(value) - from) / (to - from) : null);
  const ticks = (isLog ? decades(from, to) : rounds(from, to)).map((value) => ({at: at(value), text: number(value)}));
  return {isNumber: true, isLog, at, ticks};
}

function texts(names) {
  const at = (value) => (value === null || !names.includes(String(value)) ? null : names.length === 1 ? 0.5 : names.indexOf(String(value)) / (names.length - 1));
  const every = Math.ceil(names.length / TEXTS);
  return {isNumber: false, isLog: false, at, ticks: names.filter((_, i) => i % every === 0).map((text) => ({at: at(text), text}))};
}

function rounds(from, to) {
  const ideal = (to - from) / TICKS, size = 10 ** Math.floor(Math.log10(ideal));
  const step = [1, 2, 5, 10].map((n) => n * size).find((one) => one >= ideal);
  const first = Math.ceil(from / step - 1e-9);
  return Array.from({length: Math.floor(to / step + 1e-9) - first + 1}, (_, i) => +((first + i) * step).toPrecision(12));
}

function decades(from, to) {
  const every = Math.ceil((to - from) / TICKS);
  const powers = Array.from({length: Math.floor(to + 1e-9) - Math.ceil(from - 1e-9) + 1}, (_, i) => Math.ceil(from - 1e-9) + i);
  return powers.filter((power) => power % every === 0).map((power) => +(10 ** power).toPrecision(12));
}

// Viridis without its lightest end, which nobody sees on white.
const VIRIDIS = {
  light: ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962"],
  dark: ["#7a63c7", "#5f7fd0", "#3f9fc4", "#2cb8a4", "#4fd08a", "#9fe05a", "#fde725"],
};

/** Return a colour for a share; none: grey. */
export function colorAt(share, theme) {
  if (share === null) return theme === "dark" ? "#6b7684" : "#98a2b3";
  const stops = VIRIDIS[theme], place = Math.min(0.9999, Math.max(0, share)) * (stops.length - 1), i = Math.floor(place);
  const parts = (hex) => [1, 3, 5].map((begin) => parseInt(hex.slice(begin, begin + 2), 16));
  const [a, b] = [parts(stops[i]), parts(stops[i + 1])];
  return `rgb(${a.map((part, k) => Math.round(part + (b[k] - part) * (place - i))).join(" ")})`;
}
