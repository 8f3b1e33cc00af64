// A run's name, tags and notes, edited where they stand: Enter keeps (Ctrl+Enter in notes), Esc leaves as it was.

import {element, toast} from "./page.js";
import {refresh} from "./refresh.js";

/** Let the buttons with `data-edit` open a field in the place of what they change: the part of the same run. */
export function startEditing() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-edit]");
    if (button) open(button);
  });
}

function open(button) {
  const {edit: what, run} = button.dataset;
  const part = document.querySelector(`[data-part="${what}-${run}"]`);
  const given = textOf(what, part);
  const field = element(what === "notes" ? "textarea" : "input", {class: "edit", "aria-label": button.getAttribute("aria-label"), rows: 6,
    placeholder: {tags: "tags, with commas between them", notes: "notes"}[what] ?? ""});
  field.value = given;
  let isClosed = false;
  const close = async (isKept) => {
    if (isClosed) return;
    isClosed = true;
    const isOther = isKept && field.value !== given;
    if (isOther && !await keep(what, run, field.value)) {
      isClosed = false; // what was typed is not lost: it can be mended, or left with Esc
      return;
    }
    field.replaceWith(part);
    button.hidden = false;
    button.focus();
    if (isOther) refresh();
  };
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close(false);
    if (event.key === "Enter" && (what !== "notes" || event.ctrlKey || event.metaKey)) close(true);
  });
  field.addEventListener("blur", () => close(true));
  part.replaceWith(field);
  button.hidden = true;
  field.focus();
}

/** Return what stands in a part, as it is edited; what is said in place of a missing value is quiet. */
function textOf(what, part) {
  if (what === "tags") return [...part.querySelectorAll(".tag")].map((tag) => tag.textContent).join(", ");
  return part.querySelector(".quiet") ? "" : part.textContent;
}

/** Return whether the backend has taken the change; if not, why is told. */
async function keep(field, run, value) {
  const form = {action: "edit", run, field, value, form_key: document.querySelector("[name=form_key]")?.value ?? ""};
  try {
    const answer = await fetch(new URL("../../changes", import.meta.url), {method: "POST", body: new URLSearchParams(form)});
    if (answer.ok && !answer.redirected) return true;
    toast(`Not changed: ${(await answer.json().catch(() => ({}))).error ?? (answer.redirected ? "log in again" : `status ${answer.status}`)}`);
  } catch {
    toast("Not changed: the dashboard does not answer");
  }
  return false;
}
