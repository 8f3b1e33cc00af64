// The page that compares evaluations on the same samples: what differs, by how much, and whether that is more than noise.

import {element} from "../page.js";
import {AgreementPanel, GroupPanel} from "./agreement.js";
import {Answers} from "./answers.js";
import {mostConfused} from "./confusion.js";
import {DifferencesPanel} from "./differences.js";
import {svg} from "./draw.js";
import {SideMatrix} from "./matrices.js";
import {Tip} from "./matrix.js";
import {curvePanels, errorPanels} from "./sides.js";
import {disagreement, verdict} from "./verdict.js";
import {valueOf} from "./words.js";

const $ = (selector) => document.querySelector(selector);
const MOST_CLASSES = 20; // of a matrix beside others
const MEAN = "macro";

/** One of the evaluations that are compared. */
class Side {
  constructor(evaluation, number) {
    Object.assign(this, {evaluation, number, letter: "ABCDEFGH"[number]});
  }

  get title() {
    const {run_name: run, name, step} = this.evaluation;
    return `${run}, ${name}${step === null ? "" : ` at step ${step}`}`;
  }

  /** A piece of the side's line. */
  sample() {
    return svg(
      "svg",
      {class: "sample", width: 22, height: 8, "aria-hidden": "true"},
      svg("line", {
        class: "side-line",
        style: `--side: var(--side-${this.number})`,
        x1: 1,
        x2: 21,
        y1: 4,
        y2: 4,
        "stroke-dasharray": this.number > 3 ? "6 3" : null,
      }),
    );
  }
}

class ComparePage {
  constructor(given) {
    this.answers = new Answers(given);
    this.sides = given.evaluations.map((evaluation, number) => new Side(evaluation, number));
    this.tip = new Tip();
    this.group = null;
    this.task = given.evaluations[0].task;
    this.labels = given.evaluations[0].labels;
    this.isOfMany = this.task === "multiclass" || this.task === "multilabel";
    this.label = this.isOfMany ? MEAN : (given.evaluations[0].positive ?? 0);
    this.chosen = 1; // whom the first is told apart from, sample by sample
  }

  get other() {
    return this.sides[this.chosen];
  }

  get pair() {
    return this.pairs[this.chosen - 1];
  }

  groupOf(group) {
    return this.answers.ask(this.sides[0].evaluation, "compare", {...whom(this.other), group});
  }

  /** A curve of a side: of the chosen class, or the mean of all. */
  curveOf({report, means}, key, area, name) {
    const mean = this.label === MEAN ? means?.find(({of}) => of === MEAN) : null;
    const curve = this.label === MEAN ? mean?.[key] : report[key];
    return curve && {x: curve.x, y: curve.y, text: `${name} ${valueOf(area, mean ? mean[area] : report.classes[this.label][area])}`};
  }

  async load() {
    const [first, ...others] = this.sides;
    const asked = others.map((side) => this.answers.ask(first.evaluation, "compare", whom(side)));
    const reports = Promise.all(this.sides.map((side) => this._report(side)));
    reports.catch(() => null); // that they are not comparable says more
    this.pairs = await Promise.all(asked);
    await reports;
    this._build();
    this.show();
    document.body.dataset.drawn = "1";
  }

  async _report(side) {
    const {label} = this,
      asked = this.task === "regression" ? {} : {label: label === MEAN ? 0 : label};
    const report = await this.answers.ask(side.evaluation, "report", asked);
    if (label === this.label) side.report = report; // else another is wanted meanwhile
    if (this.isOfMany) side.means ??= await this.answers.ask(side.evaluation, "curves");
  }

  _build() {
    const {report} = this.sides[0];
    if (report.matrix) // the classes of all matrices: of many those that the first confuses most
      this.classes = report.matrix.length > MOST_CLASSES ? mostConfused(report, MOST_CLASSES) : [...report.matrix.keys()];
    this._differences = new DifferencesPanel(this);
    this._ofPair = [new AgreementPanel(this), new GroupPanel(this)];
    this._curves = this.task === "regression" ? errorPanels(this) : curvePanels(this);
    const hasMatrix = ["binary", "multiclass"].includes(this.task) && this.sides.every(({report}) => report.matrix);
    this._matrices = hasMatrix ? this.sides.map((side) => new SideMatrix(this, side)) : [];
    this._verdict = element("section", {class: "verdicts", "aria-label": "what it says"});
    const views = [this._differences, ...this._ofPair, ...this._curves.slice(0, 2), ...this._matrices, ...this._curves.slice(2)].map(
      ({panel}) => panel,
    );
    $("#views").replaceChildren(this._verdict, this._bar(), element("div", {class: "views pairs"}, ...views));
    this._tellAll();
  }

  /** What is chosen for the views below: the pair, and the class of the curves. */
  _bar() {
    const field = (name, options, value, choose) =>
      element(
        "label",
        {class: "quiet"},
        name,
        element(
          "select",
          {onchange: ({target}) => choose(target.value)},
          ...options.map(([key, text]) => element("option", {value: key, selected: String(key) === String(value)}, text)),
        ),
      );
    const pairs = this.sides.slice(1).map((side) => [side.number, `A and ${side.letter}`]);
    const labels = [
      [MEAN, "mean of all (macro)"],
      ...this.labels
        .map((name, number) => [number, name])
        .filter(([label]) => this.answers.has(this.sides[0].evaluation, "report", {label})),
    ];
    return element(
      "div",
      {class: "choosing"},
      ...(pairs.length > 1
        ? [field("Sample by sample", pairs, this.chosen, (chosen) => this.show({chosen: Number(chosen), group: null}))]
        : []),
      ...(this.isOfMany ? [field("Curves of", labels, this.label, (label) => this._choose(label))] : []),
    );
  }

  async _choose(label) {
    this.label = label === MEAN ? MEAN : Number(label);
    await Promise.all(this.sides.map((side) => this._report(side)));
    for (const view of this._curves) view.show();
  }

  _tellAll() {
    const [first, ...others] = this.sides;
    this._verdict.replaceChildren(
      ...others.map((side, i) => {
        const {kind, heading, text} = verdict(this.pairs[i], first.letter, side.letter);
        return element(
          "article",
          {class: `panel verdict ${kind}`},
          element("h2", {}, heading),
          element("p", {}, text),
          element("p", {}, disagreement(this.pairs[i], first.letter, side.letter)),
        );
      }),
    );
  }

  /** Draw; `changes`: another pair, or group of samples. */
  show(changes = {}) {
    Object.assign(this, changes);
    const all = [this._differences, ...this._ofPair, ...this._curves, ...this._matrices];
    for (const view of Object.keys(changes).length ? this._ofPair : all) view.show();
  }
}

/** How the backend is told with whom to compare; `evaluation_file.py` says the same. */
function whom({evaluation: {evaluation_id: b, run_id: run}}) {
  return {b, run_b: run};
}

function tellOf(error) {
  $("#wrong").hidden = false;
  $("#wrong span").textContent = error.message;
  $("#views").replaceChildren();
}

const given = JSON.parse($("#given").textContent);
if (given.evaluations.length > 1) {
  const page = new ComparePage(given);
  window.prevue = {page}; // for tests and the console
  await page.load().catch(tellOf);
}
