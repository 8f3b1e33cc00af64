// The table of runs: choosing rows and columns, completion of the filter, edits in place.

import {Completion} from "./complete.js";
import {startEditing} from "./edit.js";
import {isElsewhere} from "./page.js";
import {keepFresh} from "./refresh.js";

const $ = (selector) => document.querySelector(selector);
const boxes = [...document.querySelectorAll("tbody [name=run]")];
const project = location.pathname.replace(/\/table\/?$/, "");

function showChosen() {
  const count = boxes.filter((box) => box.checked).length;
  $("#chosen").hidden = !count;
  $("#chosen-count").textContent = `${count} run${count === 1 ? "" : "s"} chosen`;
  $("#all").checked = count > 0 && count === boxes.length;
  $("#all").indeterminate = count > 0 && count < boxes.length;
  for (const box of boxes) box.closest("tr").classList.toggle("near", box.checked);
}

$("#all").addEventListener("change", (event) => {
  for (const box of boxes) box.checked = event.target.checked;
  showChosen();
});
for (const box of boxes) box.addEventListener("change", showChosen);
window.addEventListener("pageshow", showChosen); // a browser that comes back has them as they were
const chosen = () => boxes.filter((box) => box.checked).map((box) => box.value);
$("#show-curves").addEventListener("click", () => location.assign(`${project}?only=${chosen().map((id) => id.slice(-12)).join(",")}`));
$("#compare").addEventListener("click", () => location.assign(`${project}/compare?${new URLSearchParams(chosen().map((id) => ["run", id]))}`));

/** Pinned columns stop at the left, one behind the other; how wide they are is known here only. */
function stickPinned() {
  const rows = [...document.querySelectorAll(".runs-table tr")].map((row) => [...row.children]), [heads] = rows;
  let left = $(".pin.name").getBoundingClientRect().right - $(".runs-table").getBoundingClientRect().left - 1;
  for (const [place, head] of heads.entries()) {
    if (!head.classList.contains("pinned")) continue;
    for (const cells of rows) cells[place]?.style.setProperty("left", `${left}px`);
    left += head.offsetWidth;
  }
}

if ($("th.pinned")) new ResizeObserver(stickPinned).observe($(".runs-table table"));
$("#choose").addEventListener("click", () => $("#columns").showModal());
$("#unchoose").addEventListener("click", () => $("#columns").close());
$("#column-filter").addEventListener("input", ({target}) => {
  for (const set of $("#columns").querySelectorAll("fieldset")) {
    const isSeries = set.matches(".series"), text = set.querySelector("legend").textContent;
    const has = (name) => name.toLowerCase().includes(target.value.toLowerCase());
    for (const label of set.querySelectorAll("label")) label.hidden = !has(isSeries ? `${text}.${label.dataset.name}` : label.dataset.name);
    set.hidden = !set.querySelector("label:not([hidden])");
  }
});

new Completion($("#filter"), $("#completions"), JSON.parse($("#given").textContent));
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || isElsewhere(event)) return;
  event.preventDefault();
  $("#filter").focus();
});

startEditing();
keepFresh(() => $("[data-live]").dataset.live === "1", 2000);
