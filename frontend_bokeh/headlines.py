"""Which numbers say most of a run: those that a list of runs and a table begin with."""

import re
from functools import lru_cache

# Metrics of which more is better, as far as their names tell: a score alone is one, but the Brier score is an error.
SCORES = re.compile(
    r"^score$|^(?!.*(error|gap|loss))(.*accuracy|(.*[^a-z])?(acc|auc|auroc|ap|map|f1|precision|recall|sensitivity"
    r"|specificity|r2|iou|miou|dice|jaccard|kappa|mcc|bleu|rouge|ndcg|psnr|ssim|reward|explained_variance)($|[^a-z]))",
    re.IGNORECASE,
)
_USUAL = (("val", "accuracy"), ("val", "loss"), ("train", "accuracy"), ("train", "loss"))
_ACCURACY = re.compile(r"((binary|categorical|sparse_categorical)_)?acc(uracy)?", re.IGNORECASE)
_SPLITS = ("val", "test")
_RESULT = re.compile(r"(?!std_|rank_)(.*_)?(loss|error|score|mse|rmse|mae|mape|perplexity)$", re.IGNORECASE)


@lru_cache(1 << 14)  # asked at each look, of each series
def rank(split: str, name: str) -> tuple[int, int, str]:
    """Return what sorts series by how much they say of a run: accuracy and loss, other results, then all else."""
    usual = split, "accuracy" if _ACCURACY.fullmatch(name) else name
    if usual in _USUAL:
        return _USUAL.index(usual), 0, name
    last_part = name.rpartition("/")[2]
    is_result = _RESULT.match(last_part) is not None or SCORES.match(last_part) is not None
    place = _SPLITS.index(split) if split in _SPLITS else len(_SPLITS)
    return len(_USUAL) + (not is_result), place * is_result, name
