// The scores of each class or label; a row chooses the class whose curves are shown.

import {element} from "../page.js";
import {panel} from "./panel.js";
import {count, valueOf} from "./words.js";

export class ClassesPanel {
  constructor(page) {
    this.page = page;
    this.by = ["f", 1];
    this._head = element("tr");
    this._body = element("tbody");
    this.panel = panel(
      "Per class",
      {
        wide: true,
        name: "classes",
        rows: () => [this._names().map(([name]) => name), ...page.report.classes.map((row) => this._names().map(([name]) => row[name]))],
      },
      element(
        "div",
        {class: "scroll tall-list", tabindex: 0, role: "region", "aria-label": "scores of each class"},
        element("table", {class: "list"}, element("thead", {}, this._head), this._body),
      ),
    );
  }

  _names() {
    const names = {
      label: "Class",
      support: "Samples",
      predicted: "Predicted",
      precision: "Precision",
      recall: "Recall",
      f: "F1",
      roc_auc: "ROC AUC",
      average_precision: "AP",
    };
    return Object.entries(names).filter(([name]) => this.page.report.classes.some((row) => row[name] !== null && row[name] !== undefined));
  }

  show() {
    const [by, way] = this.by,
      names = this._names();
    this._head.replaceChildren(
      ...names.map(([name, text]) =>
        element(
          "th",
          {
            class: name === "label" ? "" : "figure",
            scope: "col",
            "aria-sort": name === by ? (way > 0 ? "ascending" : "descending") : "none",
          },
          element("button", {class: "plain", onclick: () => this._sort(name)}, text),
        ),
      ),
    );
    const rows = this.page.report.classes
      .map((row, number) => ({row, number}))
      .sort((a, b) => way * (typeof a.row[by] === "string" ? a.row[by].localeCompare(b.row[by]) : (a.row[by] ?? -1) - (b.row[by] ?? -1)));
    this._body.replaceChildren(
      ...rows.map(({row, number}) =>
        element(
          "tr",
          {
            "aria-current": number === this.page.label ? "true" : null,
            class: "chooses",
            onclick: () => this.page.choice.set({label: number}),
          },
          ...names.map(([name]) =>
            name === "label"
              ? element("th", {scope: "row"}, element("button", {class: "plain"}, row.label))
              : element(
                  "td",
                  {class: "figure"},
                  ...(name === "support" || name === "predicted" ? [count(row[name])] : [bar(row[name]), valueOf(name, row[name])]),
                ),
          ),
        ),
      ),
    );
  }

  _sort(name) {
    this.by = [name, this.by[0] === name ? -this.by[1] : 1];
    this.show();
  }
}

const bar = (share) => element("i", {class: "bar-in", style: `--share: ${Math.max(0, share ?? 0)}`});
