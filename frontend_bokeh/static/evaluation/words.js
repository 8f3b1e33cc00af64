// How scores are called and written.

const NAMES = {
  accuracy: "Accuracy",
  balanced_accuracy: "Balanced accuracy",
  matthews: "Matthews correlation",
  kappa: "Cohen's kappa",
  precision: "Precision",
  recall: "Recall",
  f: "F1",
  specificity: "Specificity",
  macro_precision: "Macro precision",
  macro_recall: "Macro recall",
  macro_f: "Macro F1",
  micro_precision: "Micro precision",
  micro_recall: "Micro recall",
  micro_f: "Micro F1",
  weighted_precision: "Weighted precision",
  weighted_recall: "Weighted recall",
  weighted_f: "Weighted F1",
  log_loss: "Log loss",
  brier: "Brier score",
  roc_auc: "ROC AUC",
  average_precision: "Average precision",
  subset_accuracy: "Exact matches",
  hamming_loss: "Hamming loss",
  mae: "Mean absolute error",
  rmse: "Root mean square error",
  mape: "Mean relative error",
  r2: "R²",
  bias: "Mean error",
  worst: "Largest error",
};
const EXPLAINED = {
  balanced_accuracy: "mean of the recalls of all classes",
  matthews: "−1 to 1; 0 is chance, whatever the balance of the classes",
  kappa: "agreement beyond chance, up to 1",
  log_loss: "lower is better; 0 is best",
  brier: "mean squared error of the probabilities; lower is better",
  roc_auc: "how often a positive is ranked above a negative",
  average_precision: "area below the precision-recall curve",
  mape: "mean of |error / target|",
  bias: "above 0: too much is predicted",
  r2: "1 is best, 0 is as good as always the mean",
};
const LOWER = new Set(["log_loss", "brier", "hamming_loss", "mae", "rmse", "mape", "worst"]);
const SHARES = /^(accuracy|balanced_accuracy|top_\d+_accuracy|subset_accuracy)$/;

export const HEADLINES = {
  binary: ["accuracy", "roc_auc", "average_precision", "f", "matthews", "log_loss"],
  multiclass: ["accuracy", "balanced_accuracy", "macro_f", "matthews", "log_loss"],
  multilabel: ["macro_f", "weighted_f", "subset_accuracy", "hamming_loss"],
  regression: ["r2", "mae", "rmse", "mape", "bias"],
};

export function nameOf(score) {
  return NAMES[score] ?? score.replace(/^top_(\d+)_accuracy$/, "Top $1 accuracy").replaceAll("_", " ");
}

export const meaningOf = (score) => EXPLAINED[score] ?? "";
export const isLowerBetter = (score) => LOWER.has(score);

/** A score with three digits behind the point, an accuracy in percent; errors of numbers with their digits. */
export function valueOf(score, value) {
  if (value === null || value === undefined) return "–";
  if (SHARES.test(score) || score === "mape") return `${(value * 100).toFixed(1)}%`.replace("-", "−");
  const text =
    Math.abs(value) >= 100 ? value.toPrecision(4) : Math.abs(value) < 0.01 && value !== 0 ? value.toPrecision(2) : value.toFixed(3);
  return String(Number(text) === 0 ? "0" : /e/.test(text) ? value.toExponential(1) : text).replace("-", "−");
}

/** A number of any size with its first digits. */
export const digits = (value) => String(+value.toPrecision(4)).replace("-", "−");

/** A share as percent, with as many digits as it needs. */
export const percent = (share) => (share === null ? "–" : `${(share * 100).toFixed(share > 0 && share < 0.01 ? 2 : 1)}%`);

export const count = (value) => (Number.isInteger(value) ? value : Math.round(value * 10) / 10).toLocaleString("en-US");

/** A threshold with the digits that tell it from its neighbours. */
export function numeral(value) {
  if (!Number.isFinite(value)) return "∞";
  const size = Math.abs(value);
  return (size !== 0 && size < 1e-3 ? value.toExponential(2) : String(+value.toFixed(size < 10 ? 4 : 2))).replace("-", "−");
}
