import json

from frontend_bokeh.figures import curves


def models(value):
    """Yield every model of a document's JSON."""
    if isinstance(value, list):
        for inner in value:
            yield from models(inner)
    elif isinstance(value, dict):
        if value.get("type") == "object":
            yield value
        yield from models(list(value.values()))


def test_the_figure_is_json_with_the_models_that_browsers_look_for():
    spec = json.loads(json.dumps(curves.spec()))
    names = [model["attributes"]["name"] for model in models(spec) if "name" in model.get("attributes", {})]
    assert sorted(names) == ["bands", "cursor", "lines", "marks", "plot", "raw", "x_axis", "y_axis"]


def test_the_figure_runs_no_code_of_its_own():
    assert not [model["name"] for model in models(curves.spec()) if model["name"].startswith("CustomJS")]
