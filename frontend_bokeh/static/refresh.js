// Pages that keep themselves up to date: they ask for themselves again, and take over the parts that are others now.

import {localTimes} from "./page.js";

const IDLE_MS = 10_000; // between two looks where nothing runs
const QUIET_MS = 4_000; // the same where the server tells of news: what it does not tell of, such as a deletion, is seen then
const BETWEEN_MS = 400; // between the beginnings of two looks for news
const RETRY_MS = 1000;
const PATIENCE_MS = 10_000;
const $ = (selector) => document.querySelector(selector);

let timer = 0, isLooking = false, isLive = () => false, liveMs = 1000;
let newsAt = null, stream = null, isDue = false, began = -BETWEEN_MS;

/**
 * Begin; `live()` says whether anything runs: then the page is looked at each `ms`. Where the server tells of news at an
 * address, the page is looked at when it does.
 */
export function keepFresh(live, ms, news = null) {
  [isLive, liveMs, newsAt] = [live, ms, news];
  document.addEventListener("visibilitychange", () => { listen(); refresh(); });
  window.addEventListener("online", refresh);
  listen();
  timer = setTimeout(refresh, rest());
}

/** Look at once whether there is anything new. */
export async function refresh() {
  clearTimeout(timer);
  if (document.hidden || isLooking) return; // it is asked for when the page is looked at again
  [isLooking, isDue, began] = [true, false, performance.now()];
  const isHeard = await look().then(() => true, () => false);
  isLooking = false;
  tell(isHeard);
  if (isHeard) listen();
  timer = setTimeout(refresh, !isHeard ? RETRY_MS : rest());
}

/** Let the server tell of news, while anybody looks at the page. The browser connects again where it is cut. */
function listen() {
  if (document.hidden || !newsAt) {
    stream?.close();
    stream = null;
  } else if (!stream || stream.readyState === EventSource.CLOSED) {
    stream = new EventSource(newsAt);
    for (const what of ["open", "message", "error"]) stream.addEventListener(what, lookSoon);
  }
}

function lookSoon() {
  isDue = true;
  if (isLooking) return;
  clearTimeout(timer);
  timer = setTimeout(refresh, rest());
}

/** How long to wait for the next look, in ms. */
function rest() {
  if (isDue) return Math.max(0, began + BETWEEN_MS - performance.now());
  if (!isLive()) return IDLE_MS;
  return stream?.readyState === EventSource.OPEN ? QUIET_MS : liveMs;
}

async function look() {
  const answer = await fetch(location.href, {cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS)});
  if ((answer.redirected || answer.status === 404) && document.querySelector(".edit")) return; // what is typed is not lost
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
    const opened = own.querySelectorAll("details");
    for (const [i, one] of part.querySelectorAll("details").entries()) one.open = opened[i]?.open ?? one.open; // as read
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
