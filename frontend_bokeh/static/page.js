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

export function theme() {
  return document.documentElement.dataset.theme;
}

export function setTheme(name) {
  document.documentElement.dataset.theme = name;
  localStorage.setItem("prevue-theme", name);
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

document.querySelector("#theme")?.addEventListener("click", () => setTheme(theme() === "dark" ? "light" : "dark"));
document.addEventListener("keydown", (event) => {
  if (event.key === "t" && !event.ctrlKey && !event.metaKey && !event.target.closest("input, select, textarea")) {
    setTheme(theme() === "dark" ? "light" : "dark");
  }
});
localTimes();
