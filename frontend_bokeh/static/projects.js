// The list of projects: those are shown whose name or owner has what is typed.

import {isElsewhere} from "./page.js";

const field = document.querySelector("#project-filter"), rows = [...document.querySelectorAll("tbody tr")];

function filter() {
  const text = field.value.toLowerCase();
  for (const row of rows) row.hidden = ![row.cells[0], row.cells[1]].some((cell) => cell.textContent.toLowerCase().includes(text));
  document.querySelector("#no-match").hidden = rows.some((row) => !row.hidden);
}

field.addEventListener("input", filter);
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || isElsewhere(event)) return;
  event.preventDefault();
  field.focus();
});
filter(); // what a browser that comes back has kept
