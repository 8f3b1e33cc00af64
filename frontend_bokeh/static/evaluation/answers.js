// What the backend says of evaluations: asked for once each. A saved page holds all of its answers, and asks nobody.

const PATIENCE = 3,
  RETRY_MS = 1000;

export class Answers {
  /** `base`: the address below which the dashboard answers; `kept`: answers by key, of a saved page. */
  constructor({base, kept}) {
    this._base = base;
    this._kept = kept ?? null;
    this._asked = new Map();
  }

  get isSaved() {
    return this._kept !== null;
  }

  has(evaluation, what, asked = {}) {
    return !this.isSaved || keyOf(evaluation, what, asked) in this._kept;
  }

  /** Return an answer: `report`, `intervals`, `slices`, `columns`, `samples` or `curves`. */
  ask(evaluation, what, asked = {}) {
    const key = keyOf(evaluation, what, asked);
    if (this.isSaved)
      return key in this._kept ? Promise.resolve(this._held(key, evaluation)) : Promise.reject(new Error("this saved page does not hold it"));
    if (!this._asked.has(key)) {
      const answer = fetched(`${this._base}/${key}${Object.keys(asked).length ? "&" : ""}run=${evaluation.run_id}`);
      this._asked.set(key, answer);
      answer.catch(() => this._asked.delete(key)); // it may be asked for again
    }
    return this._asked.get(key);
  }

  /** Return an answer of a saved page: what the reports of all classes share is there once. */
  _held(key, evaluation) {
    const shared = keyOf(evaluation, "report");
    return key.startsWith(shared) ? {...this._kept[shared], ...this._kept[key]} : this._kept[key];
  }
}

/** Return what the dashboard answers at an address; throws what is wrong in its words. */
export async function fetched(address, patience = PATIENCE) {
  const answer = await fetch(address, {cache: "no-store"});
  if (answer.redirected) location.reload(); // to where one logs in
  if (answer.status === 503 && patience) {
    // of a million samples the first answer takes its time; the next finds it ready
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    return fetched(address, patience - 1);
  }
  const told = await answer.json().catch(() => ({error: `the server answered with ${answer.status}`}));
  if (!answer.ok) throw new Error(told.error);
  return told.answer;
}

/** Return the name of an answer; `evaluation_file.py` makes the same. */
function keyOf({evaluation_id: id}, what, asked = {}) {
  return `${id}/${what}?${new URLSearchParams(asked)}`;
}
