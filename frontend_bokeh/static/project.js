// What is known of the project: its runs, its keys (one a series' split and name) and the blocks of numbers by key and
// track: a run's process.
//
// The server numbers keys and runs anew when it is started, so numbers are used on the wire only. Here a key is called
// `split/name` and a run by its id. A chart's key can stand for several (splits.js), which only this module knows.

import {ranksOf, trackId, tracksOf} from "./ranks.js";
import {fragments, join} from "./series.js";
import {chartsOfAll, isOfAll, splitOf} from "./splits.js";
import {isShown, view} from "./view.js";

export class Project {
  /** `watched()` says which keys get what is logged; `listener` has `meta()`, `blocks(keys)`, `live()`, `events()`. */
  constructor(watched, listener) {
    this.link = null;
    this.isKnown = false; // what there is: the backend has answered once
    this.isAll = true; // runs: there are no older ones
    this.error = null; // why the backend is not heard of now
    this.runs = new Map(); // by id
    this.keys = new Map(); // by id: {id, split, name}
    this._failed = new Map(); // by key: why its blocks did not come
    this._ofAll = new Map(); // by the key of a chart of all splits: the keys that it stands for
    this._blocks = new Map(); // by key: Map by track
    this._events = new Map(); // by run: Map by id of the event
    this._numbers = null; // of this session: {keys, runs} by id, {keyOf, runOf} by number
    this._questions = new Map(); // by the number under which the server answers
    this._watchedKeys = watched;
    this._listener = listener;
  }

  blocksOf(key) {
    if (isOfAll(key)) return new Map(this._keysOf([key]).flatMap((one) => [...this.blocksOf(one)]));
    if (!this._blocks.has(key)) this._blocks.set(key, new Map());
    return this._blocks.get(key);
  }

  /** Why the blocks of a key did not come; undefined: they did, or are to come. */
  failureOf(key) {
    return this._keysOf([key]).map((one) => this._failed.get(one)).find(Boolean);
  }

  /** What is marked on the curves of a run, in order. */
  eventsOf(run) {
    return [...this._events.get(run)?.values() ?? []];
  }

  shownRuns() {
    return [...this.runs.values()].filter(isShown);
  }

  /** What is shown of this key. */
  tracksOf(key) {
    const runs = this.shownRuns();
    if (!isOfAll(key)) return tracksOf(key, runs);
    return this._keysOf([key]).flatMap((one) => tracksOf(one, runs).map((track) => ({...track, split: splitOf(one)})));
  }

  /** The keys of charts: those that any run has in the ranks that are shown, or of some one for all splits. */
  shownKeys() {
    const runs = [...this.runs.values()].map((run) => ranksOf(run).map((rank) => run.ranks.get(rank))).flat();
    const keys = [...this.keys.values()].filter((key) => runs.some((keys) => keys.has(key.id)));
    if (!view.together) return keys;
    const charts = chartsOfAll(keys), inside = new Set([...charts.values()].flat());
    return [...keys.filter((key) => !inside.has(key)), ...[...charts].map(([id, [{name}]]) => ({id, name, split: ""}))];
  }

  /** The keys that those of charts stand for. */
  _keysOf(charts) {
    return [...new Set(charts.flatMap((key) => (isOfAll(key) ? (this._ofAll.get(key) ?? []).map(({id}) => id) : [key])))];
  }

  /** The keys of charts that draw any of these. */
  chartsOf(keys) {
    if (!view.together) return keys;
    const charts = [...this._ofAll].filter(([, some]) => some.some(({id}) => keys.includes(id)));
    return [...keys, ...charts.map(([key]) => key)];
  }

  /** A new session begins: numbers and unanswered questions were those of the old one. */
  begin() {
    this._numbers = null;
    this._questions.clear();
    this.link.request({kind: "events"}); // a message before this one would not have been heard
  }

  takeMeta({is_known: isKnown, is_all: isAll, error, keys, runs}) {
    [this.error, this.isAll] = [error, isAll];
    if (isKnown) {
      const ids = keys.map((key) => `${key.split}/${key.name}`);
      this._numbers = {keys: new Map(ids.map((id, no) => [id, no])), runs: new Map(runs.map((run) => [run.id, run.no])),
        keyOf: ids, runOf: new Map(runs.map((run) => [run.no, run.id]))};
      this.keys = new Map(ids.map((id, no) => [id, {id, ...keys[no]}]));
      this._ofAll = chartsOfAll([...this.keys.values()]);
      this.runs = new Map(runs.map((run) => [run.id, this._run(run, ids)]));
      this.isKnown = true;
    }
    this._listener.meta();
  }

  _run(run, ids) {
    const ranks = run.series.flatMap((group) => {
      const keys = new Set(group.keys.map((no) => ids[no]));
      return group.ranks.map((rank) => [rank, keys]);
    });
    return {...run, ranks: new Map(ranks.sort(([a], [b]) => a - b))};
  }

  take(message) {
    if (message.kind === "tick") this._takeTick(message);
    else if (message.kind === "events") this._takeEvents(message);
    else if (message.kind === "found") this._takeFound(message);
    else this._takeAnswer(message);
  }

  _takeEvents({events}) {
    for (const event of events) {
      if (!this._events.has(event.run)) this._events.set(event.run, new Map());
      this._events.get(event.run).set(event.id, event);
    }
    this._listener.events();
  }

  /** Ask for the blocks of keys, of the shown runs or of those given. */
  want(keys, px, runs = this.shownRuns()) {
    const asked = this._keysOf(keys).filter((key) => tracksOf(key, runs).length);
    this._ask("want", asked, runs, {px}, (parts) => {
      for (const part of parts) this._keep(part);
    });
  }

  /** Ask which runs meet a filter, of all or of those that ids have been `chosen` of; `take` gets {runs: their ids, error}. Return whether that could be asked. */
  find(filter, chosen, take) {
    if (!this._numbers) return false;
    const seq = this.link.request({kind: "find", filter, chosen, ...this._watched(), keys: []});
    if (seq !== null) this._questions.set(seq, {kind: "find", keys: [], take});
    return seq !== null;
  }

  /** Ask for a range of steps of keys; `take` gets of each key its blocks by track. Return what names the question. */
  askRange(keys, px, low, high, take) {
    return this._ask("zoom", this._keysOf(keys), this.shownRuns(), {px, low, high}, (parts) => {
      const of = (some) => parts.filter(({key}) => some.includes(key)).map((part) => [part.track, part]);
      take(keys.map((key) => new Map(of(this._keysOf([key])))));
    });
  }

  /** Tell which keys are watched now. */
  watch() {
    if (this._numbers) this.link.request({kind: "watch", ...this._watched(), keys: []});
  }

  /** Whether blocks that were asked for are still to come. */
  get isWaiting() {
    return [...this._questions.values()].some(({kind}) => kind === "want");
  }

  /** Whether the blocks of a key are under way, of all that is shown of it by now. */
  isAsked(key) {
    const isAnswer = ({kind, tracks}) => kind === "want" && this.tracksOf(key).every(({id}) => tracks.has(id));
    return [...this._questions.values()].some(isAnswer);
  }

  _ask(kind, keys, runs, fields, take) {
    if (!this._numbers || !keys.length || !runs.length) return null;
    const numbers = {keys: keys.map((key) => this._numbers.keys.get(key)), runs: runs.map((run) => this._numbers.runs.get(run.id))};
    const seq = this.link.request({kind, ...this._watched(), ...numbers, ...fields});
    const tracks = new Set(keys.flatMap((key) => tracksOf(key, runs).map(({id}) => id)));
    if (seq !== null) this._questions.set(seq, {kind, keys, tracks, take});
    return seq;
  }

  /** What is followed: keys, and the ranks of all runs that are shown. */
  _watched() {
    const watch = this._keysOf(this._watchedKeys()).map((key) => this._numbers.keys.get(key)).filter((no) => no !== undefined);
    return {watch, ranks: [...new Set([...this.runs.values()].flatMap(ranksOf))]};
  }

  _takeFound(message) {
    this._questions.get(message.re)?.take(message);
    this._questions.delete(message.re);
  }

  _takeAnswer({re, error, buffer}) {
    const question = this._questions.get(re);
    this._questions.delete(re);
    if (!question) return; // of a session before
    for (const key of question.keys) {
      if (error) this._failed.set(key, error);
      else this._failed.delete(key);
    }
    if (!error) question.take([...this._parts(buffer)]);
    this._listener.blocks(question.keys);
  }

  *_parts(buffer) {
    for (const part of fragments(buffer)) {
      const key = this._numbers?.keyOf[part.key], run = this._numbers?.runOf.get(part.run);
      if (key !== undefined && run !== undefined) yield {...part, key, run, track: trackId(run, part.rank, key)};
    }
  }

  _keep(part) {
    this.blocksOf(part.key).set(part.track, part);
  }

  _takeTick({live, buffer}) {
    for (const [no, ...now] of live) {
      const run = this.runs.get(this._numbers?.runOf.get(no));
      if (run) run.live = now;
    }
    const touched = new Set(), missing = new Set();
    for (const part of this._parts(buffer)) {
      const result = this._join(part);
      if (result === "ok") touched.add(part.key);
      else if (result === "gap" && !isShown(this.runs.get(part.run))) this.blocksOf(part.key).delete(part.track); // asked for when it is shown
      else if (result === "gap") missing.add(part.key);
    }
    this._listener.live([...touched], [...missing]);
  }

  _join(part) {
    const block = this.blocksOf(part.key).get(part.track);
    if (part.from !== null) return block ? join(block, part) : "gap";
    if (part.total < block?.total) return "seen";
    this._keep(part);
    return "ok";
  }
}
