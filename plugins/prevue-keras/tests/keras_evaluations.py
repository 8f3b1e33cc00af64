"""Trainings that are tested sample by sample, each in a project of its own, with each of Keras's backends."""

import sys

import keras
import numpy as np
from keras import layers
from keras_digits import classifier, x_train, x_val, y_train, y_val

import prevue
from prevue import PrevueKerasCallback
from prevue_keras import log_test


def main():
    by_epoch()
    each_kind()
    from_data_sets()
    by_evaluate()
    without_a_test()


def by_epoch():
    """Both alike, as a test takes no random numbers from the training."""
    for project, given in (("evaluated", {"evaluation_data": (x_val, y_val), "evaluation_freq": 2}), ("alike", {})):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((64,)), layers.Dropout(0.5), layers.Dense(10)], name="dropped")
        model.compile("adam", classifier().loss, metrics=["accuracy"])
        names = [f"digit {n}" for n in range(10)]
        callback = PrevueKerasCallback(project_name=project, class_names=names, **given)
        model.fit(x_train, y_train, epochs=5, verbose=0, callbacks=[callback], validation_data=(x_val, y_val))


def head(units, activation, loss, y):
    """Return a model of one kind, untrained, with what to test it with."""
    model = keras.Sequential([keras.Input((64,)), layers.Dense(units, activation=activation)])
    model.compile("adam", loss)
    return model, x_val, y


def each_kind():
    from_logits = {"from_logits": True}
    one_hot, is_even = keras.utils.to_categorical(y_val, 10), y_val % 2 == 0
    kinds = {
        "softmax": (10, "softmax", "sparse_categorical_crossentropy", y_val),
        "one-hot": (10, None, keras.losses.CategoricalCrossentropy(**from_logits), one_hot),
        "sigmoid": (1, "sigmoid", "binary_crossentropy", is_even),
        "logit": (1, None, keras.losses.BinaryCrossentropy(**from_logits), is_even.astype("float32")),
        "two": (2, None, keras.losses.SparseCategoricalCrossentropy(**from_logits), is_even.astype(int)),
        "labels": (10, "sigmoid", "binary_crossentropy", one_hot),
        "value": (1, None, "mse", y_val.astype("float32")),
    }
    with prevue.init("kinds") as run:
        for name, kind in kinds.items():
            log_test(run, *head(*kind), name=name)
    inputs = keras.Input((64,))
    outputs = {"z": layers.Dense(10, "softmax", name="z")(inputs), "a": layers.Dense(1, name="a")(inputs)}
    model = keras.Model(inputs, outputs)
    model.compile("adam", {"z": "sparse_categorical_crossentropy", "a": "mae"})
    data = x_val, {"z": y_val, "a": y_val.astype("float32")}
    callback = PrevueKerasCallback(project_name="outputs", evaluation_data=data, class_names={"z": list("0123456789")})
    model.fit(x_train, {"z": y_train, "a": y_train.astype("float32")}, epochs=1, verbose=0, callbacks=[callback])


class Shuffled:
    """Brings its batches in another order each time, as shuffled data sets do."""

    def __init__(self):
        self.random = np.random.default_rng(0)

    def __iter__(self):
        order = self.random.permutation(len(x_val))
        return iter([(x_val[rows], y_val[rows], y_val[rows] + 1) for rows in np.array_split(order, 7)])


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 4

    def __getitem__(self, number):
        return x_val[25 * number :][:25], y_val[25 * number :][:25]


def drawn():
    """Return where PyTorch's random numbers stand."""
    torch = sys.modules.get("torch")
    return torch and bytes(torch.get_rng_state())


def from_data_sets():
    sets = {"shuffled": Shuffled(), "py": Batches()}
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        sets["own"] = tensorflow.data.Dataset.from_tensor_slices((x_val, y_val)).shuffle(100).batch(30)
        sets["endless"] = sets["own"].repeat()
    elif keras.backend.backend() == "torch":
        import torch

        both = torch.utils.data.TensorDataset(torch.tensor(x_val, dtype=torch.float32), torch.tensor(y_val))
        sets["own"] = torch.utils.data.DataLoader(both, 30, shuffle=True)
    keras.utils.set_random_seed(0)
    model = classifier()
    model.fit(x_train, y_train, epochs=15, verbose=0)
    with prevue.init("data sets") as run:
        run.log({"accuracy": model.evaluate(x_val, y_val, verbose=0)[1]})
        for name, data in sets.items():
            before = drawn()
            log_test(run, model, data, name=name)
            assert drawn() == before


def by_evaluate():
    model = classifier()
    callback = PrevueKerasCallback(project_name="evaluate", evaluation_data=(x_val, y_val))
    model.evaluate(x_val, y_val, verbose=0, callbacks=[callback])
    model.fit(x_train, y_train, epochs=1, verbose=0, callbacks=[callback])
    model.evaluate(x_val, y_val, verbose=0, callbacks=[callback])  # of the same weights


def without_a_test():
    """Data that does not fit the model."""
    callback = PrevueKerasCallback(
        project_name="not evaluated", evaluation_data=(x_val[:, :3], y_val), evaluation_freq=1
    )
    classifier().fit(x_train, y_train, epochs=3, verbose=0, callbacks=[callback])
