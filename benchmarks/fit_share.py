"""What share of a training's time Prevue takes: small real trainings on digits with the connectors' callbacks.

    python benchmarks/fit_share.py [--quick] [--only NAME ...] [--json FILE]

Each training runs in a process of its own, beside a backend that stores. It is fitted once without Prevue, which does
not count, and then three times with a callback and three times without, in turns. `calls` is the time inside Prevue's
calls that `Run.status()` knows (init, log, describe), over the time of the three fits, the first of which loads what
Prevue needs; `hooks` is the time that the callback's hooks take, which make these calls. `slower` compares each fit
with the one beside it: the median, the lowest and the highest, which on a machine that does other things differ by more
than what is measured; `cpu` compares what the process spent on CPUs, Prevue's threads included. `end` is what finish()
waits for the server, once a run. Batches are those of the fits with a callback.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import log_cost

HERE = Path(__file__).parent
PAIRS = 3
GOAL_PERCENT = 1.0
HOOKS = ("on_", "_log_batch", "setup", "teardown")  # what frameworks, or loops, call; by how their names begin

Figures = dict[str, Any]
Fit = Callable[[Any], int]  # with a run, or None; returns its batches


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="an eighth of the epochs: what a run costs weighs more")
    parser.add_argument("--only", nargs="+", choices=TRAININGS, metavar="NAME", default=list(TRAININGS))
    parser.add_argument("--json", type=Path, default=HERE.parent / ".nox" / "fit_share.json", help="where figures go")
    parser.add_argument("--case", choices=TRAININGS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(measure(TRAININGS[arguments.case], 1 if arguments.quick else 8)))
        return
    began = time.monotonic()
    found = {name: run_case(name, arguments.quick) for name in arguments.only}
    load = os.getloadavg()
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps({"load_average": load, "figures": found}, indent=2) + "\n")
    about = f"load {load[0]:.1f}, {time.monotonic() - began:.0f} s; all figures: {arguments.json}"
    print("\n".join([*table(found), "", about]))


def run_case(name: str, quick: bool) -> Figures:
    """Return the figures of a training beside a backend."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "PREVUE_SPOOL_DIR": f"{folder}/spool", "PREVUE_DATA_DIR": f"{folder}/data"}
        with log_cost.serving("up", environ) as url:
            command = [sys.executable, __file__, "--case", name, *(["--quick"] if quick else [])]
            environ |= {"PREVUE_URL": url, "TF_CPP_MIN_LOG_LEVEL": "2"}
            answer = subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True)
    if answer.returncode:
        sys.exit(f"{name} failed")
    print(f"{name}: {answer.stdout.splitlines()[-1]}", file=sys.stderr, flush=True)
    return json.loads(answer.stdout.splitlines()[-1])


def measure(training: Callable[[int], tuple[Fit, list[float]]], length: int) -> Figures:
    fit, hooks = training(length)
    fit(None)
    pairs = []
    for number in range(PAIRS):
        turns = [lambda: alone(fit), lambda: beside(fit, hooks)]
        done = [turn() for turn in (turns if number % 2 == 0 else turns[::-1])]
        pairs.append({name: value for figures in done for name, value in figures.items()})
    return {
        "calls_percent": share(pairs, "calls_s"),
        "hooks_percent": share(pairs, "hooks_s"),
        "without_s": median(pair["without_s"] for pair in pairs),
        "with_s": median(pair["with_s"] for pair in pairs),
        "slower_percent": sorted(100 * (pair["with_s"] / pair["without_s"] - 1) for pair in pairs),
        "cpu_percent": median(100 * (pair["with_cpu_s"] / pair["without_cpu_s"] - 1) for pair in pairs),
        "end_ms": median(pair["end_ms"] for pair in pairs),
        "batches_per_s": median(pair["batches_per_s"] for pair in pairs),
        "pairs": pairs,
    }


def share(pairs: list[Figures], what: str) -> float:
    """Return how much of all fits something took, in percent."""
    return 100 * sum(pair[what] for pair in pairs) / sum(pair["with_s"] for pair in pairs)


def alone(fit: Fit) -> Figures:
    began, began_cpu = time.perf_counter(), time.process_time()
    fit(None)
    return {"without_s": time.perf_counter() - began, "without_cpu_s": time.process_time() - began_cpu}


def beside(fit: Fit, hooks: list[float]) -> Figures:
    """Fit with a run. Its opening counts; its end, which waits for the server, is told apart."""
    import prevue

    hooks.clear()
    began, began_cpu = time.perf_counter(), time.process_time()
    run = prevue.init("fit share")
    batches = fit(run)
    ended, cpu_s = time.perf_counter(), time.process_time() - began_cpu
    status, took = run.status(), ended - began
    assert run.finish(timeout=30), run.status()
    return {
        "with_s": took,
        "with_cpu_s": cpu_s,
        "calls_s": status.share * took,
        "hooks_s": sum(hooks),
        "calls": status.logged,
        "end_ms": 1_000 * (time.perf_counter() - ended),
        "batches_per_s": batches / took,
    }


def timed_hooks(kind: type) -> list[float]:
    """Let a callback's hooks note in a list how long each of their calls takes, and return that list."""
    took: list[float] = []

    def timed(hook: Callable[..., None]) -> Callable[..., None]:
        def call(*args: Any, **kwargs: Any) -> None:
            began = time.perf_counter()
            try:
                hook(*args, **kwargs)
            finally:
                took.append(time.perf_counter() - began)

        return call

    for name, hook in list(vars(kind).items()):
        if name.startswith(HOOKS):
            setattr(kind, name, timed(hook))
    return took


# trainings


def keras_training(length: int, **options: Any) -> tuple[Fit, list[float]]:
    import keras

    from prevue import PrevueKerasCallback

    x, y = digits()
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(64, "relu"), keras.layers.Dense(64, "relu"), keras.layers.Dense(10, "softmax")]
    model = keras.Sequential([keras.Input((64,)), *layers])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

    def fit(run: Any) -> int:
        epochs = 10 * length
        callbacks = [] if run is None else [PrevueKerasCallback(run=run, **options)]
        model.fit(x, y, 32, epochs, verbose=0, callbacks=callbacks, validation_split=0.2)
        return epochs * -(-int(0.8 * len(x)) // 32)

    return fit, timed_hooks(PrevueKerasCallback)


def torch_training(length: int, **options: Any) -> tuple[Fit, list[float]]:
    import torch
    from torch import nn

    from prevue import PrevueTorchCallback

    x, y = (torch.tensor(part) for part in digits())
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))
    optimizer, measure = torch.optim.Adam(model.parameters()), nn.CrossEntropyLoss()

    def batches(epoch: int) -> Iterator[Any]:
        for batch, chosen in enumerate(torch.randperm(len(x)).split(32)):
            optimizer.zero_grad()
            loss = measure(model(x[chosen]), y[chosen])
            loss.backward()
            optimizer.step()
            yield batch, loss

    def fit(run: Any) -> int:
        epochs, made = 25 * length, 0
        callback = None if run is None else PrevueTorchCallback(run=run, model=model, **options)
        if callback is not None:
            callback.on_train_begin()
        for epoch in range(epochs):
            for batch, loss in batches(epoch):
                made += 1
                if callback is not None:
                    callback.on_batch_end(batch, {"loss": loss}, epoch=epoch)
            if callback is not None:
                callback.on_epoch_end(epoch, {"loss": loss})
        if callback is not None:
            callback.on_train_end()
        return made

    return fit, timed_hooks(PrevueTorchCallback)


def regression(length: int) -> tuple[Fit, list[float]]:
    """scikit-learn calls back after each iteration of the solver."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import PolynomialFeatures

    from prevue import PrevueSklearnCallback

    x, y = digits()
    x = PolynomialFeatures(2).fit_transform(x)
    warnings.simplefilter("ignore", ConvergenceWarning)

    def fit(run: Any) -> int:
        model = LogisticRegression(C=100.0, tol=1e-9, max_iter=100 * length)
        (model if run is None else model.set_callbacks(PrevueSklearnCallback(run=run))).fit(x, y)
        return int(model.n_iter_.max())

    return fit, timed_hooks(PrevueSklearnCallback)


def perceptron(length: int) -> tuple[Fit, list[float]]:
    """scikit-learn tells nothing while it fits this one: `log_fit` logs its curves behind the fit."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    from prevue_sklearn import log_fit

    x, y = digits()
    warnings.simplefilter("ignore", ConvergenceWarning)

    def fit(run: Any) -> int:
        model = MLPClassifier((512,), max_iter=60 * length, n_iter_no_change=1_000, random_state=0).fit(x, y)
        if run is not None:
            began = time.perf_counter()
            log_fit(run, model)
            took.append(time.perf_counter() - began)
        return model.n_iter_ * -(-len(x) // 200)

    took: list[float] = []
    return fit, took


def digits() -> tuple[Any, Any]:
    """Return 1 797 images of 8 x 8 pixels, from 0 to 1, and which digit each shows."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return (x / 16).astype("float32"), y


TRAININGS: dict[str, Callable[[int], tuple[Fit, list[float]]]] = {
    "keras": keras_training,
    "keras-batch": lambda length: keras_training(length, update_freq="batch"),
    "torch": torch_training,
    "torch-batch": lambda length: torch_training(length, update_freq="batch"),
    "sklearn-callback": regression,
    "sklearn-log_fit": perceptron,
}
MEANT = {
    "keras": "Keras, defaults",
    "keras-batch": 'Keras, update_freq="batch"',
    "torch": "PyTorch, defaults",
    "torch-batch": 'PyTorch, update_freq="batch"',
    "sklearn-callback": "LogisticRegression, callback",
    "sklearn-log_fit": "MLPClassifier, log_fit",
}


WIDTHS = {"calls %": 9, "hooks %": 9, "cpu %": 8, "with s": 8, "without": 9, "slower %": 10, "(lowest, highest)": 19,
          "batches/s": 11, "end ms": 8}  # fmt: skip


def table(found: dict[str, Figures]) -> list[str]:
    lines = [f"{'':30}" + "".join(f"{head:>{width}}" for head, width in WIDTHS.items())]
    for name, one in found.items():
        low, middle, high = one["slower_percent"]
        cells = (
            *(f"{one[key]:.2f}" for key in ("calls_percent", "hooks_percent")),
            *(f"{one['cpu_percent']:+.1f}", f"{one['with_s']:.1f}", f"{one['without_s']:.1f}", f"{middle:+.1f}"),
            *(f"({low:+.1f}, {high:+.1f})", f"{one['batches_per_s']:,.0f}", f"{one['end_ms']:.0f}"),
        )
        verdict = "reached" if one["calls_percent"] <= GOAL_PERCENT else f"MISSED: {GOAL_PERCENT:g}% was asked"
        row = "".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS.values(), strict=True))
        lines.append(f"{MEANT[name]:30}{row}  {verdict}")
    return lines


if __name__ == "__main__":
    main()
