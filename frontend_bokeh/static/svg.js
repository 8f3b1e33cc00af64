// Drawing with SVG: its elements, and which of many points is near the pointer.

/** Make an SVG element: `svg("path", {class: "run", d}, child)`. */
export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== undefined) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Return where an event is in a drawing, in its pixels. */
export function pointIn(host, {clientX, clientY}) {
  const {left, top} = host.getBoundingClientRect();
  return [clientX - left, clientY - top];
}
