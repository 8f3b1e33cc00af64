"""Columns of the table of runs: which there are, and what stands in them."""

from frontend_bokeh import columns
from prevue.api import StoredRun

RUN = StoredRun(
    run_id="a", run_name="one", project_id=1, project_name="p", user="ann", model_id=None, state="lost",
    config={"lr": 0.1, "my key": {"a.b": "x"}}, environment={"cpus": 2}, tags=[], notes="", run_group=None,
    started_at=100.0, heard_at=160.0, finished_at=None, archived_at=None, _api=None,
    summaries={"metrics.val.accuracy.best": 0.5, "metrics.val.loss.last": float("nan")},
)  # fmt: skip


def text(field):
    return columns.column_of(field).cell(RUN, columns.flat_of(RUN)).text


def test_a_cell_has_what_the_run_has():
    told = {
        "metrics.val.accuracy.best": "0.5", "metrics.val.loss.last": "NaN", "metrics.train.loss.max": "–",
        "config.lr": "0.1", 'config."my key"."a.b"': "x", "config.none": "–", "env.cpus": "2", "duration": "1 min",
        "user": "ann", "group": "", "id": "a",
    }  # fmt: skip
    assert {field: text(field) for field in told} == told
    assert columns.column_of("started").cell(RUN, {}).unix == 100.0


def test_parts_in_quotes_are_read_as_the_language_has_them():
    assert columns.column_of(r'config."my\u0020\"key"."a\\b"').parts == ("config", 'my "key', "a\\b")


def test_what_cannot_be_a_column_is_none():
    fields = ["", "nonsense", "metrics.loss", "config", ".", '"', "metrics..a.b", "duration.x"]
    known = {"fields": [], "series": []}
    assert columns.columns_of(fields, known) == []
    assert len(columns.columns_of([f"config.k{number}" for number in range(99)], known)) == columns.MAX_COLUMNS


def test_a_column_of_numbers_only_is_one_of_figures():
    types = {"config.lr": ["number"], "config.act": ["text"], "config.any": ["number", "text"]}
    known = {"fields": [{"field": field, "types": kinds} for field, kinds in types.items()], "series": []}
    assert [column.is_figure for column in columns.columns_of(types, known)] == [True, False, False]


def test_of_a_search_the_usual_columns_are_its_scores_and_not_its_times():
    names = ["train.fold/fit_time", "train.n_iter", "train.search/best_index", "val.search/best_score"]
    names += ["val.search/mean_score", "val.search/rank_score", "val.search/std_score"]
    parts = [name.split(".") for name in names]
    known = [{"field": f"metrics.{one}.{name}", "split": one, "name": name, "run_count": 2} for one, name in parts]
    assert columns.usual_metrics({"series": known}) == [
        "metrics.val.search/best_score.best", "metrics.val.search/mean_score.best", "metrics.train.fold/fit_time.best",
    ]  # fmt: skip


def test_the_usual_columns_are_what_people_vary_and_the_best_of_what_is_looked_at_first():
    def key(name, examples, count):
        return {"field": name, "types": ["number"], "examples": examples, "run_count": count}

    def series(split, name):
        return {"field": f"metrics.{split}.{name}", "split": split, "name": name, "run_count": 9}

    fields = [key("config.same", [1], 9), key("config.alpha", [1, 2], 9), key("config.seed", [1, 2], 9)]
    fields += [key("config.optim.depth", [1, 2], 7), key("config.lr", [1, 2], 5), key("env.cpus", [1, 2], 9)]
    names = [series("system", "cpu"), series("train", "loss"), series("train", "lr"), series("val", "acc")]
    assert columns.default_fields({"fields": fields, "series": names}) == [
        "started", "duration", "config.lr", "config.optim.depth", "config.alpha",
        "metrics.val.acc.best", "metrics.train.loss.best", "metrics.train.lr.best",
    ]  # fmt: skip
