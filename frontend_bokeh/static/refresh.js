// Pages that keep themselves up to date: they ask for themselves again, and take over the parts that are others now.

import {localTimes} from "./page.js";

const IDLE_MS = 10_000; // between two looks where nothing runs
const RETRY_MS = 1000;
const PATIENCE_MS = 10_000;
const $ = (selector) => document.querySelector(selector);

let timer = 0, isLooking = false, isLive = () => false, liveMs = 1000;

/** Begin; `live()` says whether anything runs: then the page is looked at each `ms`. */
export function keepFresh(live, ms) {
  [isLive, liveMs] = [live, ms];
  document.addEventListener("visibilitychange", refresh);
  window.addEventListener("online", refresh);
  timer = setTimeout(refresh, isLive() ? liveMs : IDLE_MS);
}

/** Look at once whether there is anything new. */
export async function refresh() {
  clearTimeout(timer);
  if (document.hidden || isLooking) return; // it is asked for when the page is looked at again
  isLooking = true;
  const isHeard = await look().then(() => true, () => false);
  isLooking = false;
  tell(isHeard);
  timer = setTimeout(refresh, !isHeard ? RETRY_MS : isLive() ? liveMs : IDLE_MS);
}

async function look() {
  const answer = await fetch(location.href, {cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS)});
  if (answer.redirected || answer.status === 404) location.reload(); // to where one logs in, or is told
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  take(new DOMParser().parseFromString(await answer.text(), "text/html"));
}

/** Put a page that was loaded now in the place of this one, part by part; what has not changed stays untouched. */
function take(page) {
  localTimes(page);
  const shown = new Map([...document.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));
  for (const part of page.querySelectorAll("[data-part]")) {
    const own = shown.get(part.dataset.part);
    if (!own) continue;
    if (own.innerHTML !== part.innerHTML) own.replaceChildren(...part.childNodes);
    if (part.dataset.live) own.dataset.live = part.dataset.live;
  }
}

/** Show whether the page is up to date. */
function tell(isHeard) {
  const text = !isHeard ? "reconnecting" : isLive() ? "live" : "up to date";
  $("#pill").dataset.state = isHeard ? "live" : "reconnecting";
  if ($("#pill-text").textContent !== text) $("#pill-text").textContent = text;
  $("#banner").hidden = isHeard;
}
