// The page of a run keeps itself up to date: it asks for itself again, and takes over the parts that are others now.

import {localTimes} from "./page.js";

const LIVE_MS = 1000, IDLE_MS = 10_000; // between two looks
const PATIENCE_MS = 10_000;
const $ = (selector) => document.querySelector(selector);

/** Put a page that was loaded now in the place of this one, part by part; what has not changed stays untouched. */
function take(page) {
  localTimes(page);
  for (const part of page.querySelectorAll("[data-part]")) {
    const shown = $(`[data-part="${part.dataset.part}"]`);
    if (shown && shown.innerHTML !== part.innerHTML) shown.replaceChildren(...part.childNodes);
  }
}

async function look() {
  const answer = await fetch(location.href, {cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS)});
  if (answer.redirected || answer.status === 404) location.reload(); // to where one logs in, or is told
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  take(new DOMParser().parseFromString(await answer.text(), "text/html"));
}

const state = () => $(".runhead .run-state").dataset.state;

/** Show whether the page is up to date. */
function tell(isHeard) {
  const text = !isHeard ? "reconnecting" : state() === "running" ? "live" : "up to date";
  $("#pill").dataset.state = isHeard ? "live" : "reconnecting";
  if ($("#pill-text").textContent !== text) $("#pill-text").textContent = text;
  $("#banner").hidden = isHeard;
}

let timer = 0, isLooking = false;
async function lookAgain() {
  clearTimeout(timer);
  if (document.hidden || isLooking) return; // it is asked for when the page is looked at again
  isLooking = true;
  const isHeard = await look().then(() => true, () => false);
  isLooking = false;
  tell(isHeard);
  timer = setTimeout(lookAgain, isHeard && state() !== "running" ? IDLE_MS : LIVE_MS);
}

document.addEventListener("visibilitychange", lookAgain);
window.addEventListener("online", lookAgain);
timer = setTimeout(lookAgain, state() === "running" ? LIVE_MS : IDLE_MS);
