// What every page has: the theme, and helpers for building elements.

/** Make an element: `element("button", {class: "eye", "aria-pressed": true, onclick}, "text", child)`. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Make a picture of `templates/icons.svg`; what it means must be said beside it. */
export function icon(name) {
  const [made, use] = ["svg", "use"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  made.setAttribute("class", "shape");
  made.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  made.append(use);
  return made;
}

export function theme() {
  return document.documentElement.dataset.theme;
}

export function setTheme(name) {
  try {
    localStorage.setItem("prevue-theme", name);
  } catch {
    // it holds for this page then (theme.js)
  }
  dress(name);
}

function dress(name) {
  document.documentElement.dataset.theme = name;
  document.dispatchEvent(new CustomEvent("prevue-theme", {detail: name}));
}

/** Show times that the server wrote as UNIX seconds in the viewer's zone, with UTC on hover. */
export function localTimes(root = document) {
  for (const time of root.querySelectorAll("time[data-unix]")) {
    const date = new Date(Number(time.dataset.unix) * 1000);
    time.textContent = date.toLocaleString([], {dateStyle: "medium", timeStyle: "short"});
    time.title = `${date.toISOString().replace("T", " ").slice(0, 19)} UTC`;
  }
}

export function number(value) {
  if (value === null || value === undefined) return "–";
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size >= 1e6 || size < 1e-4 ? value.toExponential(3) : String(+value.toPrecision(5));
}

/** Tell of something that was done, for a moment. */
export function toast(text) {
  const box = document.querySelector("#toast");
  box.textContent = text;
  box.classList.add("shown");
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => box.classList.remove("shown"), 2500);
}

/** Copy a text. Without https browsers have no clipboard, but the selection can still be copied. */
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = element("textarea", {class: "unseen"});
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
  return undefined;
}

/** Put a box right of a place in the window and a bit below, or left of it where there is no room; always inside. */
export function placeAt(box, x, y) {
  const {offsetWidth: width, offsetHeight: height} = box, left = x + 16 + width > innerWidth - 8 ? x - width - 16 : x + 16;
  box.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
  box.style.top = `${Math.max(8, Math.min(y + 12, innerHeight - height - 8))}px`;
}

/** Let a menu that a button opens stand below it, inside of the window. */
export function below(menu, button) {
  menu.addEventListener("toggle", ({newState}) => newState === "open" && placeBelow(menu, button));
}

export function placeBelow(menu, button) {
  const {left, bottom} = button.getBoundingClientRect();
  menu.style.left = `${Math.max(8, Math.min(left, innerWidth - menu.offsetWidth - 8))}px`;
  menu.style.top = `${Math.max(8, Math.min(bottom + 4, innerHeight - menu.offsetHeight - 8))}px`;
}

/** Return whether a key is meant for a field, a dialog or the browser, and not for the page. */
export function isElsewhere(event) {
  const field = "input:not([type=range], [type=checkbox]), textarea, select, [contenteditable], [popover]";
  return event.ctrlKey || event.metaKey || event.altKey || Boolean(event.target.closest?.(field))
    || document.querySelector("dialog[open]") !== null;
}

/** Let arrow keys choose among the buttons of a radiogroup; only the chosen one is reached by Tab. */
export function radiogroup(host, choose) {
  const buttons = [...host.querySelectorAll("[role=radio]")];
  for (const button of buttons) button.addEventListener("click", () => choose(button.dataset.value));
  host.addEventListener("keydown", (event) => {
    const by = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
    const at = buttons.indexOf(event.target);
    if (by === undefined || at < 0) return;
    event.preventDefault();
    const next = buttons[(at + by + buttons.length) % buttons.length];
    choose(next.dataset.value);
    next.focus();
  });
  return (value) => {
    for (const button of buttons) {
      const isChosen = button.dataset.value === String(value);
      button.setAttribute("aria-checked", String(isChosen));
      button.tabIndex = isChosen ? 0 : -1;
    }
  };
}

if (document.body.classList.contains("embedded")) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", ({matches}) => dress(matches ? "dark" : "light"));
}
const flip = () => setTheme(theme() === "dark" ? "light" : "dark");
document.querySelector("#theme")?.addEventListener("click", flip);
document.addEventListener("keydown", (event) => {
  if (event.key === "t" && !isElsewhere(event)) flip();
});
document.addEventListener("click", async (event) => {
  const button = event.target.closest(".copy");
  if (!button) return;
  await copy(button.parentElement.querySelector("code").textContent);
  toast("Copied");
});
localTimes();
document.querySelector(".tabs [aria-current]")?.scrollIntoView({inline: "nearest", block: "nearest"});
