// The page of an evaluation: all views of one test, linked. What is drawn along or clicked in one shows in all.

import {element} from "../page.js";
import {Answers} from "./answers.js";
import {CalibrationPanel} from "./calibration.js";
import {Choice} from "./choice.js";
import {ClassesPanel} from "./classes.js";
import {ConfusionPanel} from "./confusion.js";
import {CostPanel} from "./cost.js";
import {precisionRecallPanel, rocPanel} from "./curves.js";
import {ErrorsByPanel, ErrorsPanel, QuantilesPanel} from "./errors.js";
import {Findings} from "./findings.js";
import {HistogramPanel} from "./histogram.js";
import {Tip} from "./matrix.js";
import {predictedPanel, residualPanel} from "./points.js";
import {Held, SamplesPanel} from "./samples.js";
import {SlicesPanel} from "./slices.js";
import {buildSteps} from "./steps.js";
import {Sweep} from "./sweep.js";
import {ThresholdPanel} from "./threshold.js";
import {Tiles} from "./tiles.js";

const $ = (selector) => document.querySelector(selector);
const MOST_HELD = 5000; // samples that the backend gives to hold; of more it chooses

class EvaluationPage {
  constructor(given) {
    this.answers = new Answers(given);
    this.evaluation = given.evaluation;
    this.steps = given.steps;
    this.tip = new Tip();
    this.choice = new Choice({label: given.evaluation.positive ?? 0, ...given.choice});
    this.chosen = null; // counts by slice of the chosen samples
    this.choice.listen((values, changed) => this._changed(changed));
  }

  // what panels ask for

  get hasManyClasses() {
    return this.evaluation.task === "multiclass" || this.evaluation.task === "multilabel";
  }

  get labelName() {
    return this.evaluation.labels[this.label];
  }

  get restName() {
    const {task, labels} = this.evaluation;
    return task === "binary" ? labels[1 - this.label] : task === "multilabel" ? `no ${this.labelName}` : "the rest";
  }

  /** The share of the class among all samples: the precision of guessing. */
  get share() {
    const row = this.report.classes[this.label],
      {sweep} = this;
    return sweep ? row.support / (sweep.hit[0] + sweep.miss[0] + sweep.alarm[0] + sweep.rest[0]) : null;
  }

  get threshold() {
    return this.choice.values.threshold ?? this.usual();
  }

  get place() {
    return this.sweep.at(this.threshold);
  }

  /** Where a model that is asked for a class draws the line. */
  usual() {
    return this.evaluation.score_type === "decision"
      ? 0
      : this.evaluation.score_type === "logit" && this.evaluation.task !== "multiclass"
        ? 0
        : 0.5;
  }

  isPicked(filter) {
    const {filter: chosen} = this.choice.values;
    return Object.keys(chosen).length > 0 && JSON.stringify(chosen) === JSON.stringify(filter);
  }

  /** Return a page of samples: from those held here, else from the backend. */
  async samples(filter, order, offset, limit) {
    const {isSaved} = this.answers;
    if (isSaved || this.evaluation.received_count <= MOST_HELD) await this._held;
    if (isSaved || this.held?.isAll) return {...this.held.page(filter, order, offset, limit), isCut: !this.held.isAll};
    return this.answers.ask(this.evaluation, "samples", {...filter, order, offset, limit});
  }

  /** Return the numbers of the chosen samples that are held, null where none are chosen. */
  chosenNumbers() {
    const {filter} = this.choice.values;
    if (!Object.keys(filter).length || !this.held) return null;
    return new Set(this.held.choose(filter).map((place) => this.held.columns.sample_no[place]));
  }

  nameOfSample(number) {
    const place = this.held?.columns.sample_no.indexOf(number) ?? -1;
    return (place >= 0 && this.held.columns.sample_id[place]) || `sample no. ${number}`;
  }

  tellChosen(slices) {
    this.chosen = slices;
    this._slices.show();
  }

  // what is shown

  build() {
    const {task} = this.evaluation;
    this._tiles = new Tiles(this);
    this._findings = new Findings(this);
    this._samples = new SamplesPanel(this);
    this._slices = new SlicesPanel(this);
    this._curves = [];
    this._others = [];
    if (task === "regression")
      this._others = [predictedPanel(this), residualPanel(this), new ErrorsPanel(this), new QuantilesPanel(this), new ErrorsByPanel(this)];
    else {
      if (task === "multiclass" || (task === "binary" && !this.evaluation.score_count)) this._others.push(new ConfusionPanel(this));
      const threshold = new ThresholdPanel(this);
      this._curves = [
        threshold,
        rocPanel(this),
        precisionRecallPanel(this),
        new HistogramPanel(this),
        new CalibrationPanel(this),
        new CostPanel(this, threshold),
      ];
      this._classes = new ClassesPanel(this);
    }
    this._views = [
      this._tiles.host,
      this._findings.host,
      element(
        "div",
        {class: "views"},
        ...[...this._others, ...this._curves].map(({panel}) => panel).filter((panel) => !panel.parentElement),
        ...(this._classes ? [this._classes.panel] : []),
        this._slices.panel,
        this._samples.panel,
        this._tiles.more,
      ),
    ];
    buildSteps(this);
    this._buildLabels();
    $("#save")?.addEventListener("click", ({currentTarget}) => {
      // as the page stands
      currentTarget.href = `${this.evaluation.evaluation_id}/file?${this.choice.query}`;
    });
  }

  /** Ask for all of it, and show each part as it comes; what fails is told. */
  load() {
    const {evaluation} = this;
    return this._load().catch((error) => {
      if (evaluation !== this.evaluation) return;
      if (evaluation !== this._reported) $("#views").replaceChildren(); // nothing will come, what is there is of another step
      tellOf(error);
    });
  }

  async _load() {
    const {evaluation} = this,
      isThis = () => this.evaluation === evaluation,
      tell = (error) => isThis() && tellOf(error);
    [this.intervals, this.slices] = [null, null];
    await this._report(); // the others would make it wait
    if (!isThis()) return;
    [this.held, this.means] = [null, null]; // of the evaluation before
    if (!this._findings.host.isConnected) $("#views").replaceChildren(...this._views); // in the place of what is grey till then
    this._showAll();
    this._held = this.answers.ask(evaluation, "columns").then((columns) => isThis() && (this.held = new Held(columns, evaluation)));
    this._samples.show();
    this.answers.ask(evaluation, "intervals").then((intervals) => isThis() && ((this.intervals = intervals), this._tiles.show()), tell);
    this.answers.ask(evaluation, "checks").then(
      (checks) => isThis() && this._findings.show(checks),
      (error) => isThis() && this._findings.fail(error),
    );
    if (evaluation.slices.length)
      this.answers.ask(evaluation, "slices").then((slices) => isThis() && ((this.slices = slices), this._slices.show()), tell);
    if (this.hasManyClasses)
      this.answers.ask(evaluation, "curves").then(
        (told) => isThis() && ((this.means = told), this._showCurves()),
        () => null,
      );
    this._held.then(() => this._others.forEach((panel) => panel.update()), tell);
    document.body.dataset.drawn = "1";
  }

  async _report() {
    const {
      evaluation,
      choice: {
        values: {label},
      },
    } = this;
    $("#wrong").hidden = true;
    const report = await this.answers.ask(evaluation, "report", evaluation.task === "regression" ? {} : {label});
    if (evaluation !== this.evaluation) return; // another is wanted meanwhile
    if (label !== this.choice.values.label) return this._report();
    [this.report, this.label, this._reported] = [report, label, evaluation];
    this.sweep = this.report.sweep ? new Sweep(this.report.sweep) : null;
    const {edges} = this.report.histogram ?? {};
    if (this.sweep) [this.low, this.high] = this.evaluation.score_type === "probability" ? [0, 1] : [edges[0], edges.at(-1)];
  }

  _showAll() {
    this._tiles.show();
    this._findings.show(null);
    for (const panel of this._others) panel.show();
    this._classes?.show();
    this._slices.show();
    this._showCurves();
  }

  _showCurves() {
    for (const panel of this._curves) {
      panel.panel.hidden = !this.sweep;
      if (this.sweep) panel.show();
    }
    if ($("#label")) $("#label").value = this.label;
  }

  async _changed(changed) {
    if (changed.has("label")) {
      this.choice.values.threshold = null;
      await this._report().then(() => this._showCurves(), tellOf);
      this._classes?.show();
    }
    if (changed.has("threshold") && this.sweep) for (const panel of this._curves) panel.update();
    if (changed.has("filter")) this._showPicked();
    if (changed.has("norm")) for (const panel of this._others) panel.update();
    if (changed.has("filter") || changed.has("order")) this._samples.show();
  }

  _showPicked() {
    for (const panel of this._others) panel.showPicked ? panel.showPicked() : panel.update();
    if (this.sweep) for (const panel of this._curves) panel.showPicked?.();
    this._slices.show();
  }

  _buildLabels() {
    if (!this.hasManyClasses) return;
    const known = this.evaluation.labels
      .map((name, number) => ({name, number}))
      .filter(({number}) => this.answers.has(this.evaluation, "report", {label: number}));
    const select = element(
      "select",
      {id: "label", onchange: ({target}) => this.choice.set({label: Number(target.value)})},
      ...known.map(({name, number}) => element("option", {value: number}, name)),
    );
    this._curves[0].panel.querySelector("header .space").after(element("label", {class: "quiet"}, "Class ", select));
  }
}

function tellOf(error) {
  $("#wrong").hidden = false;
  $("#wrong span").textContent = error.message;
}

const page = new EvaluationPage(JSON.parse($("#given").textContent));
window.prevue = {page}; // for tests and the console
page.build();
await page.load();
