"""What a training with TF-Keras 2 leaves in the database: TensorFlow's Keras of before, which some stay with."""

import prevue

TRAINING = """\
import tf_keras as keras
from keras_digits import x_train, x_val, y_train, y_val
from prevue import PrevueKerasCallback

inputs = keras.Input((64,))
both = [keras.layers.Dense(8, activation="relu", name=name)(inputs) for name in ("left", "right")]
digits = keras.layers.Dense(10, activation="softmax", name="digits")(keras.layers.Concatenate(name="both")(both))
model = keras.Model(inputs, digits)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], steps_per_execution=7)
callback = PrevueKerasCallback(
    project_name="legacy", update_freq="batch", histogram_freq=1, evaluation_data=(x_val, y_val), evaluation_freq=1
)
model.fit(x_train, y_train, epochs=2, verbose=0, callbacks=[callback], validation_data=(x_val, y_val))
model.evaluate(x_val, y_val, verbose=0, callbacks=[callback])
"""


def test_a_training_with_tf_keras_is_logged_as_one_with_keras(backend):
    with backend.listening():
        ended = backend.train(TRAINING, keras_backend="tensorflow")
        assert ended.returncode == 0, ended.stderr
        [(run_id,)] = backend.runs("legacy", "run_id")
        evaluations = prevue.Api(backend.url).evaluations(run_id)
    found = backend.series("legacy")
    splits = {split: found[split, "loss"] for split in ("train", "val", "test")}
    assert splits == {"train": [10, 20], "val": [10, 20], "test": [20]}
    assert found["train", "running_mean/accuracy"] == [7, 10, 17, 20]
    assert sorted((one["step"], one["task"], one["score_type"]) for one in evaluations) == [
        (step, "multiclass", "probability") for step in (10, 20)
    ]
    assert {name for (name,) in backend.of_runs("legacy", "results", "name")} >= {"weights/left/kernel"}
    architecture = backend.model("legacy")[2]
    names = [layer["name"] for layer in architecture["layers"]]
    edges = {(names[start], names[end]) for start, end in architecture["edges"]}
    assert edges >= {("left", "both"), ("right", "both"), ("both", "digits")}
    assert architecture["framework_version"].startswith("2.")
