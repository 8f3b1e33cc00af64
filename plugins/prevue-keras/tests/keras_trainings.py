"""Trainings in one process, each in a project of its own. What they leave in the database is looked at by the tests."""

import pickle
import uuid

import keras
from keras import layers
from keras_digits import classifier, compiled, x_train, x_val, y_train, y_val

import prevue
from prevue import PrevueKerasCallback

# From the design, word for word.
SNIPPET = """\
from prevue import PrevueKerasCallback

callback = PrevueKerasCallback(
    connector_name="keras",
    project_name="test",
    uid="test",
    url="http://localhost:8080"
)

model.fit(x_train, y_train, epochs=5, callbacks=[callback])
"""


def main():
    exec(SNIPPET, {"model": classifier(), "x_train": x_train, "y_train": y_train})
    with_validation()
    twice_with_one_callback()
    into_a_run_of_before()
    with_a_given_run()
    with_copies()
    of_other_models()
    without_its_optimizer()


def fit(model, callback, **arguments):
    model.fit(x_train, y_train, **{"epochs": 2, "verbose": 0, "callbacks": [callback], **arguments})


def with_validation():
    fit(classifier(), PrevueKerasCallback(project_name="validation"), validation_data=(x_val, y_val))


def twice_with_one_callback():
    callback, model = PrevueKerasCallback(project_name="further fits"), classifier()
    fit(model, callback)
    fit(model, callback)
    fit(classifier(), callback)  # its optimizer begins at 0


def into_a_run_of_before():
    run_id = str(uuid.uuid4())
    for _ in range(2):
        fit(classifier(), PrevueKerasCallback(project_name="run of before", run_id=run_id))


def with_a_given_run():
    with prevue.init("given run") as run:
        fit(classifier(), PrevueKerasCallback(run=run))
        run.log({"after": 1.0})


class Copier(keras.callbacks.Callback):
    """Copies another callback while it is in use."""

    def __init__(self, callback):
        super().__init__()
        self.callback = callback

    def on_epoch_end(self, epoch, logs=None):
        self.copy = pickle.dumps(self.callback)


def with_copies():
    callback = PrevueKerasCallback(project_name="copies", token="very-secret", run_name="the same name")
    copier = Copier(callback)
    fit(classifier(), callback, callbacks=[callback, copier])
    assert b"very-secret" not in copier.copy
    fit(classifier(), pickle.loads(copier.copy))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.body = layers.Dense(16)
        self.head = layers.Dense(10)

    def call(self, inputs):
        return self.head(self.body(inputs))


def branches():
    inputs = keras.Input((64,))
    left, right = layers.Dense(8, name="left")(inputs), layers.Dense(8, name="right")(inputs)
    return keras.Model(inputs, layers.Dense(10)(layers.Concatenate()([left, right])))


def of_other_models():
    fit(compiled(branches()), PrevueKerasCallback(project_name="branches"))
    fit(compiled(Subclassed()), PrevueKerasCallback(project_name="subclassed"))
    fit(compiled(keras.Sequential([layers.Dense(10)])), PrevueKerasCallback(project_name="built by fit"))


class OwnStep(Subclassed):
    def train_step(self, data):
        return {"loss": keras.ops.mean(self(data[0]))}


def without_its_optimizer():
    model = OwnStep()
    model.compile("sgd")
    fit(model, PrevueKerasCallback(project_name="without optimizer"))
