"""Tests of real models, logged by the connector, for the pages of evaluations."""

from dataclasses import dataclass

import numpy as np
from playwright.sync_api import Page
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import prevue
from prevue_sklearn import log_test
from serving import finished

PROJECT = "tests"


@dataclass
class Logged:
    """An evaluation, and what was logged."""

    evaluation_id: int
    run_id: str
    target: np.ndarray
    score: np.ndarray  # (n, k) probabilities; of a regression the predictions


class Log:
    """Logs tests into a project of the backend at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def cancer(self, name, model=None, *, group=None, **options):
        """Log a test of a model on the second half of the data, by default of a fitted logistic regression."""
        data = load_breast_cancer()
        labels = np.array(["malignant", "benign"])[data.target]
        model = (model or make_pipeline(StandardScaler(), LogisticRegression())).fit(data.data[::2], labels[::2])
        x, y = data.data[1::2], labels[1::2]
        size = np.where(x[:, 0] > 15, "large", "small")
        known = {"sample_ids": [f"patient {i}" for i in range(len(y))], "slices": {"size": size}}
        return self._logged(name, model, x, y, group, name="cancer", pos_label="malignant", **known, **options)

    def digits(self, name, **options):
        """Log a test of naive Bayes on ten classes."""
        data = load_digits()
        model = GaussianNB().fit(data.data[::2], data.target[::2])
        return self._logged(name, model, data.data[1::2], data.target[1::2], name="digits", **options)

    def diabetes(self, name):
        """Log a test of a regression."""
        data = load_diabetes()
        model = Ridge(0.1).fit(data.data[::2], data.target[::2])
        features = dict(zip(data.feature_names, data.data[1::2].T, strict=True))
        return self._logged(name, model, data.data[1::2], data.target[1::2], name="diabetes", features=features)

    def _logged(self, run_name, model, x, y, group=None, **options):
        run = prevue.init(PROJECT, run_name, url=self.url, uid="tester", group=group)
        log_test(run, model, x, y, **options)
        finished(run)
        with prevue.Api(self.url) as api:
            evaluation_id = api.evaluations(run.run_id)[0]["evaluation_id"]
        score = model.predict_proba(x) if hasattr(model, "predict_proba") else model.predict(x)
        return Logged(evaluation_id, run.run_id, y, score)


def cells(page: Page, view: str) -> list[int]:
    """Return the counts of a matrix as it is drawn, row by row."""
    return [
        int((text or "0").replace(",", ""))
        for text in page.locator(f"#{view} svg.matrix .cell").evaluate_all(
            "cells => cells.map((cell) => cell.querySelector('text')?.textContent)"
        )
    ]
