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
    with_batches()
    with_seven_steps_an_execution()
    from_a_later_epoch()
    with_tests()
    lower_rate()
    stopped_early()
    with_two_outputs()
    with_a_schedule()
    with_accumulated_gradients()
    with_histograms()


def fit(model, callback, **arguments):
    model.fit(x_train, y_train, **{"epochs": 2, "verbose": 0, "callbacks": [callback], **arguments})


def with_validation():
    fit(classifier(), PrevueKerasCallback(project_name="validation"), validation_data=(x_val, y_val))


def twice_with_one_callback():
    callback, model = PrevueKerasCallback(project_name="further fits"), classifier()
    fit(model, callback)
    fit(model, callback)
    fit(classifier(), callback, batch_size=16, epochs=1)  # its optimizer begins at 0


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
    if keras.backend.backend() == "jax":  # a step of one's own is another function there
        return
    model = OwnStep()
    model.compile("sgd")
    fit(model, PrevueKerasCallback(project_name="without optimizer"))


def with_batches():
    fit(classifier(), PrevueKerasCallback(project_name="batches", update_freq="batch"), validation_data=(x_val, y_val))
    fit(classifier(), PrevueKerasCallback(project_name="each fourth batch", log_freq=4))
    unbuilt = compiled(keras.Sequential([layers.Dense(10)]))
    fit(unbuilt, PrevueKerasCallback(project_name="batches, built by fit", update_freq=5))


def with_seven_steps_an_execution():
    if keras.backend.backend() == "torch":  # Keras refuses it there
        return
    model = classifier()
    model.compile("sgd", model.loss, steps_per_execution=7)
    fit(model, PrevueKerasCallback(project_name="seven steps", update_freq="batch"))


def from_a_later_epoch():
    fit(classifier(), PrevueKerasCallback(project_name="later epoch"), initial_epoch=3, epochs=5)


def with_tests():
    model, callback = classifier(), PrevueKerasCallback(project_name="tested")
    fit(model, callback, validation_data=(x_val, y_val))
    model.evaluate(x_val, y_val, verbose=0, callbacks=[callback])
    other = PrevueKerasCallback(project_name="tested only")
    model.evaluate(x_val, y_val, verbose=0, callbacks=[other])


class StopAfterTwo(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch == 1


def lower_rate():
    callback = PrevueKerasCallback(project_name="lower rate")
    lower = keras.callbacks.LearningRateScheduler(lambda epoch: 0.25 if epoch < 2 else 0.125)
    fit(classifier(), callback, epochs=3, callbacks=[callback, lower])


def stopped_early():
    callback = PrevueKerasCallback(project_name="stopped early")
    fit(classifier(), callback, epochs=9, callbacks=[callback, StopAfterTwo()])


def two_outputs():
    inputs = keras.Input((64,))
    digit, test_a = layers.Dense(10, name="digit")(inputs), layers.Dense(1, name="test_a")(inputs)
    model = keras.Model(inputs, {"digit": digit, "test_a": test_a})
    losses = {"digit": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "test_a": "mse"}
    model.compile("adam", losses, metrics={"digit": ["accuracy"], "test_a": ["mae"]})
    return model


def with_two_outputs():
    model, callback = two_outputs(), PrevueKerasCallback(project_name="two outputs", update_freq="batch")
    targets, validation = [{"digit": y, "test_a": y % 2} for y in (y_train, y_val)]
    model.fit(x_train, targets, epochs=1, verbose=0, callbacks=[callback], validation_data=(x_val, validation))
    model.evaluate(x_val, validation, verbose=0, callbacks=[callback])


def with_a_schedule():
    model = classifier()
    rate = keras.optimizers.schedules.ExponentialDecay(0.5, decay_steps=10, decay_rate=0.5)
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), model.loss)
    given = {"batch_size": "mine", "seed": 3}
    fit(model, PrevueKerasCallback(project_name="schedule", config=given))
    fit(classifier(), PrevueKerasCallback(project_name="batches of 64"), batch_size=64)


def with_accumulated_gradients():
    model = classifier()
    model.compile(keras.optimizers.SGD(0.1, gradient_accumulation_steps=4), model.loss)
    fit(model, PrevueKerasCallback(project_name="accumulated", update_freq="batch"))


def with_histograms():
    layers.Dense(1)  # uses up a name
    fit(classifier(), PrevueKerasCallback(project_name="histograms", histogram_freq=2), epochs=3)
    with prevue.init("given configuration", config={"epochs": "mine"}) as run:
        fit(classifier(), PrevueKerasCallback(run=run, describe=False, log_lr=False))
