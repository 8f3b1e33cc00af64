// The connection with the dashboard: it opens Bokeh's session, notices when it is lost, and opens it again.
//
// Bokeh's own reconnecting gives up after half a minute. Each time all models are new ones, so nothing of an old session
// is kept, and whoever listens is told to ask for everything anew.

import {unpack} from "./series.js";

const Bokeh = window.Bokeh;
const {ClientConnection} = Bokeh.require("client/connection");

const VERSION = new URL(import.meta.url).pathname.split("/").at(-2); // of all scripts: assets.py puts it in their path
const WAITS_MS = [0, 500, 1000, 2000, 4000]; // before each try; the last for all that follow
const OPEN_MS = 10_000; // that a try may take
const STALE_S = 6; // the server gives a sign of life each 2 s
const PROBE_S = 8; // then the connection itself is tried
const PROBE_MS = 4_000;
const SHOWN_OUT = [4401, 4404]; // how the server closes: the viewer has logged out, or may not see the project any more
const RELOAD_MS = 300;

/**
 * Tells `listener` what happens: `meta(meta)`, `message(message)` and `state(name, seconds)`. States: open (a new session),
 * lost, stale (nothing was heard for so many seconds), heard (again), seen (the page is looked at again), outdated (the
 * server is of another version than the page).
 */
export class Link {
  constructor(address, token, listener) {
    this._address = address;
    this._token = token;
    this._listener = listener;
    this._tries = 0;
    this._seq = 0;
    this._ui = null;
    this._session = null;
    this._told = Promise.resolve();
    this._heard = 0;
    document.addEventListener("visibilitychange", () => this._look());
    window.addEventListener("online", () => this._retry(0));
    setInterval(() => this._listen(), 1000);
  }

  /** Ask the server something; return the number under which it answers, or null while there is no connection. */
  request(fields) {
    if (!this._ui) return null;
    this._ui.req = {seq: ++this._seq, ...fields};
    return this._seq;
  }

  async open() {
    if (this._isOpening) return;
    this._isOpening = true;
    const connection = new ClientConnection(this._address, this._token, "");
    const session = await within(OPEN_MS, connection.connect()).catch(() => null);
    if (!session) {
      abandon(connection);
      if (this._tries > 0) await this._renew();
    }
    this._isOpening = false;
    if (session) this._attach(session, connection);
    else this._lost();
  }

  _attach(session, connection) {
    const {document: model} = session;
    const ui = model.get_model_by_name("ui");
    model.config.setv({reconnect_session: false, notify_connection_status: false}, {sync: false});
    if (ui.version !== VERSION) {
      abandon(connection, model);
      this._listener.state("outdated");
      return;
    }
    [this._session, this._connection, this._ui, this._tries] = [session, connection, ui, 0];
    ui.properties.meta.change.connect(() => this._meta());
    model.on_message("prevue", (message) => this._take(message));
    model.on_event("connection_lost", () => session === this._session && this._lost());
    connection.socket.addEventListener("close", ({code}) => SHOWN_OUT.includes(code) && this._reload());
    ui.active = !document.hidden;
    this._hear();
    this._listener.state("open");
    if (plain(ui.meta).rev) this._meta();
  }

  _meta() {
    this._hear();
    this._listener.meta(plain(this._ui.meta));
  }

  _take(message) {
    this._hear();
    const {buf, ...fields} = plain(message), session = this._session;
    const buffer = buf instanceof ArrayBuffer ? buf : buf?.buffer ?? new ArrayBuffer(0);
    const unpacked = fields.kind === "blocks" ? unpack(buffer) : buffer;
    // One after the other: to unpack takes a while, and a tick goes on from the blocks before it.
    this._told = this._told.then(() => unpacked).then((whole) => {
      if (session === this._session) this._listener.message({...fields, buffer: whole});
    }).catch(reportError);
  }

  _hear() {
    this._heard = performance.now();
    if (this._isStale) this._listener.state("heard");
    this._isStale = false;
  }

  _lost() {
    if (this._session) abandon(this._connection, this._session.document);
    [this._session, this._connection, this._ui, this._isStale] = [null, null, null, false];
    this._listener.state("lost");
    this._retry(WAITS_MS[Math.min(this._tries++, WAITS_MS.length - 1)]);
  }

  _retry(wait) {
    if (this._session) return;
    clearTimeout(this._timer);
    this._timer = setTimeout(() => this.open(), wait);
  }

  /** Take the token of a page that is loaded now: the old one has expired, or is of another key. */
  async _renew() {
    try {
      const answer = await fetch(location.href, {cache: "no-store", signal: AbortSignal.timeout(OPEN_MS)});
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const given = page.querySelector("#given");
      if (given) this._token = JSON.parse(given.textContent).token;
      else if (answer.redirected || answer.status === 404) this._reload(); // to where one logs in, or is told
    } catch {
      // nobody answers; the next try comes
    }
  }

  /** Load the page anew, unless the browser leaves it anyway: for the one after logging out. */
  _reload() {
    clearTimeout(this._timer);
    setTimeout(() => location.reload(), RELOAD_MS);
  }

  /** A page that nobody looks at is told of no points; when it is looked at again it has to ask for them. */
  _look() {
    if (!this._ui) return;
    this._ui.active = !document.hidden;
    this._heard = performance.now();
    if (!document.hidden) this._listener.state("seen");
  }

  async _listen() {
    if (!this._session || document.hidden) return;
    const silent_s = (performance.now() - this._heard) / 1000;
    if (silent_s < STALE_S) return;
    this._isStale = true;
    this._listener.state("stale", silent_s);
    if (silent_s < PROBE_S || this._probing) return;
    const session = this._session;
    this._probing = true;
    const answers = await within(PROBE_MS, session.force_roundtrip()).then(() => true, () => false);
    this._probing = false;
    if (!answers && session === this._session) this._lost();
  }
}

/** Forget a connection and its document, whatever state they are in. */
function abandon(connection, model) {
  connection.closed_permanently = true;
  connection.socket?.close();
  const at = Bokeh.documents.indexOf(model);
  if (at >= 0) Bokeh.documents.splice(at, 1);
}

function within(milliseconds, promise) {
  return Promise.race([promise, new Promise((_, reject) => setTimeout(() => reject(new Error("no answer in time")), milliseconds))]);
}

/** Bokeh hands over dicts as Map or as object. */
function plain(value) {
  if (value instanceof Map) return Object.fromEntries([...value].map(([name, inner]) => [name, plain(inner)]));
  if (Array.isArray(value)) return value.map(plain);
  return value;
}
