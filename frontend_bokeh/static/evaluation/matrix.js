// A matrix of cells: true classes in rows, predicted ones in columns. Clicked, or walked with arrow keys and Enter.

import {svg} from "./draw.js";

const LETTER = 6.6,
  TURNED = 0.72, // pixels of a letter, and what a turned text needs of its length
  MOST_TOLD = 30; // rows, of more there are colours only

export class Matrix {
  /** `onpick(row, column)`; `tell(row, column)` says what a cell is. */
  constructor(host, {label, onpick, tell, tip, rowTitle = "True", columnTitle = "Predicted", size = null}) {
    Object.assign(this, {host, onpick, tell, tip, rowTitle, columnTitle, size});
    this.at = null;
    this.root = svg("svg", {
      class: "chart matrix",
      tabindex: 0,
      role: "application",
      "aria-roledescription": "matrix",
      "aria-label": `${label}; arrow keys walk, Enter chooses`,
    });
    this._spoken = document.createElement("p");
    this._spoken.className = "unseen";
    this._spoken.setAttribute("aria-live", "polite");
    host.append(this.root, this._spoken);
    this.root.addEventListener("keydown", (event) => this._key(event));
    this.root.addEventListener("blur", () => this._focus(null));
    this.root.addEventListener("pointerleave", () => this.tip.hide());
    // one listener for all cells, of which there may be ten thousands
    this.root.addEventListener("click", ({target}) => this._at(target) && this.onpick(...this._at(target)));
    this.root.addEventListener("pointermove", (event) => {
      const at = this._at(event.target);
      if (at) this.tip.show(event, this.tell(...at));
    });
    new ResizeObserver(() => this.cells && host.clientWidth !== this._room && this.draw(this)).observe(host);
  }

  /** `cells[row][column]`: {text, under, fill, colour, kind}; `picked(row, column)`: whether it is chosen. */
  draw({rows, columns, cells, picked = this.picked}) {
    Object.assign(this, {rows, columns, cells, picked});
    const room = this.host.clientWidth,
      small = !this.hasRoom(rows);
    this._room = room;
    if (!room) return;
    const longest = Math.min(17, Math.max(...rows.map((name) => name.length)));
    const left = (small ? 8 : longest * LETTER + 12) + 22;
    const width = (room - left - 4) / columns.length,
      height = this.size ?? Math.max(small ? 5 : 20, Math.min(width, rows.length > 6 ? 40 : 62));
    const isTurned = Math.max(...columns.map((name) => Math.min(17, name.length))) * LETTER > width - 6;
    const below = small ? 8 : isTurned ? longest * LETTER * TURNED + 12 : 20,
      ground = height * rows.length + 4;
    this.root.setAttribute("viewBox", `0 0 ${room} ${ground + below + 20}`);
    this.root.setAttribute("height", ground + below + 20);
    const place = (row, column) => [left + column * width, 4 + row * height];
    this._cells = cells.map((line, row) => line.map((cell, column) => this._cell(cell, row, column, place(row, column), width, height)));
    const names = small
      ? []
      : [
          ...rows.map((name, row) =>
            svg("text", {class: "tick", x: left - 8, y: 4 + (row + 0.5) * height + 4, "text-anchor": "end"}, cut(name)),
          ),
          ...columns.map((name, column) => this._columnName(cut(name), left + (column + 0.5) * width, ground + 15, isTurned)),
        ];
    this.root.replaceChildren(
      ...this._cells.flat(),
      ...names,
      svg("text", {class: "axis", "text-anchor": "middle", transform: `translate(11 ${ground / 2}) rotate(-90)`}, this.rowTitle),
      svg("text", {class: "axis", "text-anchor": "middle", x: (left + room) / 2, y: ground + below + 15}, this.columnTitle),
    );
  }

  /** Whether so many rows leave room for texts. */
  hasRoom(rows) {
    return rows.length <= MOST_TOLD;
  }

  /** Mark the cells that are chosen now. */
  mark() {
    for (const [row, line] of (this._cells ?? []).entries())
      for (const [column, cell] of line.entries()) cell.classList.toggle("picked", this.picked(row, column));
  }

  _columnName(text, x, y, isTurned) {
    return isTurned
      ? svg("text", {class: "tick", "text-anchor": "end", transform: `translate(${x + 3} ${y - 5}) rotate(-40)`}, text)
      : svg("text", {class: "tick", "text-anchor": "middle", x, y}, text);
  }

  _cell({text, under, fill, colour, kind}, row, column, [x, y], width, height) {
    const gap = width > 12 && height > 12 ? 2 : 0.5,
      centre = {x: x + width / 2, "text-anchor": "middle"};
    const parts = [svg("rect", {x, y, width: width - gap, height: height - gap, rx: this.size ? 8 : gap, fill})];
    if (text !== undefined && width > text.length * 6 && height >= 17) {
      parts.push(svg("text", {class: this.size ? "large" : "in", ...centre, y: y + height / 2 + (under ? 1 : 4), fill: colour}, text));
      if (under) parts.push(svg("text", {class: "under", ...centre, y: y + height / 2 + 17, fill: colour}, under));
    }
    return svg(
      "g",
      {
        class: `cell pick ${kind ?? ""}${this.picked?.(row, column) ? " picked" : ""}`,
        "data-cell": `${row} ${column}`,
      },
      ...parts,
    );
  }

  /** The row and column of the cell that an element is in. */
  _at(element) {
    return element.closest(".cell")?.dataset.cell.split(" ").map(Number);
  }

  _key(event) {
    const by = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key];
    if ((event.key === "Enter" || event.key === " ") && this.at) this.onpick(...this.at);
    else if (by) this._focus(this.at ? [this.at[0] + by[0], this.at[1] + by[1]] : [0, 0]);
    else return;
    event.preventDefault();
  }

  _focus(at) {
    this._cells?.[this.at?.[0]]?.[this.at?.[1]]?.classList.remove("near");
    if (at === null) this.at = null;
    else this.at = [Math.min(this.rows.length - 1, Math.max(0, at[0])), Math.min(this.columns.length - 1, Math.max(0, at[1]))];
    if (!this.at) return;
    this._cells[this.at[0]][this.at[1]].classList.add("near");
    this._spoken.textContent = this.tell(...this.at).join(", ");
  }
}

const cut = (name) => (name.length > 17 ? `${name.slice(0, 16)}…` : name);

/** What stands beside the pointer: lines of text, the first in bold. */
export class Tip {
  constructor() {
    this._box = document.createElement("div");
    this._box.className = "tooltip";
    this._box.hidden = true;
    document.body.append(this._box);
  }

  hide() {
    this._box.hidden = true;
  }

  show({clientX, clientY}, [first, ...others]) {
    const bold = document.createElement("b");
    bold.textContent = first;
    this._box.replaceChildren(bold, ...others.map((text) => Object.assign(document.createElement("div"), {textContent: text})));
    this._box.hidden = false;
    const {offsetWidth: width, offsetHeight: height} = this._box;
    this._box.style.left = `${Math.max(8, clientX + 14 + width > innerWidth ? clientX - width - 14 : clientX + 14)}px`;
    this._box.style.top = `${Math.max(8, Math.min(clientY + 12, innerHeight - height - 8))}px`;
  }
}
