"""Keras: a small network learns to read digits of 8 x 8 pixels, at three learning rates."""

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from prevue import PrevueKerasCallback

x, y = load_digits(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(x / 16, y, random_state=0)


def make_model(rate):
    keras.utils.set_random_seed(0)
    layers = [
        keras.Input((64,)),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
    model = keras.Sequential(layers, name="digits")
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


for rate in (0.0003, 0.003, 0.03):
    model = make_model(rate)
    callback = PrevueKerasCallback(
        project_name="digits-keras",
        run_name=f"Adam, rate {rate}",
        config={"learning_rate": rate},
    )
    model.fit(x_train, y_train, epochs=20, validation_data=(x_val, y_val), callbacks=[callback], verbose=0)
