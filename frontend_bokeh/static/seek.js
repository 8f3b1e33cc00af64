// Runs that the server finds among all of a project's: by a filter, by their names, or because the address has chosen them.
//
// The page is told of the newest runs only; of those that it asks for here, it is told, too.

import {change, isFilter, matches, shortId, view} from "./view.js";

const WAIT_MS = 300; // until what is typed is asked for
const PATTERN = /[\\^$.*+?()[\]{}|]/; // a regex, which the server does not look for

export class Seeker {
  /** `project`: has `runs`, `isAll` and `find(filter, chosen, take)`. */
  constructor(project) {
    this._project = project;
    this._asked = null; // what was asked for last, as text
    this.isSeeking = false;
  }

  /** Ask for what the view needs, if that is another than before, or `again`. */
  look(again = false) {
    const question = this._question(), text = question ? JSON.stringify(question) : "";
    if (text === this._asked && !(again && text)) return;
    clearTimeout(this._timer);
    this._timer = setTimeout(() => this._ask(text, question), this._asked === null ? 0 : WAIT_MS);
  }

  /** A new session knows nothing of what was asked. */
  begin() {
    this._asked = null;
  }

  /** Return [a filter, short ids of runs that were chosen], or null: the page knows all that it needs. */
  _question() {
    const runs = [...this._project.runs.values()], newest = new Set(runs.filter((run) => run.is_newest).map(shortId));
    const chosen = [...view.only];
    if (isFilter(view.runs)) return [view.runs, chosen];
    if (chosen.some((id) => !newest.has(id))) return ["", chosen];
    return chosen.length || this._project.isAll || !view.runs || PATTERN.test(view.runs) ? null : [`name ~ ${JSON.stringify(view.runs)}`, []];
  }

  _ask(text, question) {
    const take = (answer) => question && this._asked === text && this._take(answer); // nothing else was typed meanwhile
    const isNews = text || this._asked; // the server forgets what is not looked for any more
    if (isNews && !this._project.find(...question ?? ["", []], take)) return; // there is no connection; with the next one it is asked again
    this._asked = text;
    this.isSeeking = question !== null;
    if (!question) this._take({runs: []});
  }

  /** What is no filter is a name, if there is such a run; else the runs stay that were found before. */
  _take({runs, error = ""}) {
    this.isSeeking = false;
    const byName = Boolean(error) && [...this._project.runs.values()].some((run) => matches(view.runs, run.name));
    change({found: error ? {...view.found, error, byName} : {runs: new Set(runs), isFilter: isFilter(view.runs), error, byName}});
  }
}
