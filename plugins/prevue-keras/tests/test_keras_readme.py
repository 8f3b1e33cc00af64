"""What the README shows works: each of its blocks is run, with the names that a reader would have."""

import re
from pathlib import Path

import prevue

BLOCKS = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[1] / "README.md").read_text(), re.DOTALL)
NAMES = """\
import keras
from keras_digits import x_train, x_val as x_test, y_train, y_val

y_train, y_test = y_train > 4, y_val > 4
model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(1, activation="sigmoid")])
model.compile("adam", "binary_crossentropy")
"""


def test_what_the_readme_shows_works(backend):
    with backend.listening():
        ended = backend.train("\n".join([NAMES, *BLOCKS]).replace("http://localhost:8080", backend.url))
        assert ended.returncode == 0, ended.stderr
        assert backend.states("test") == ["finished"] * len(BLOCKS)
        [_, (tested,)] = backend.runs("test", "run_id")
        evaluations = prevue.Api(backend.url).evaluations(tested)
    assert sorted(one["step"] for one in evaluations) == [70, 90, 100]  # of the optimizer, which has trained before
    assert {(one["name"], one["task"], *one["labels"]) for one in evaluations} == {("test", "binary", "no", "yes")}
