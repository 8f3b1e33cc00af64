"""Tables of what an estimator holds for important."""

import numpy as np
import pandas
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Lasso, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn_results import results, table

from prevue_sklearn import track
from prevue_sklearn.importances import MOST

iris = load_iris(as_frame=True)
x, y = iris.data, iris.target
names = list(x.columns)


@pytest.fixture
def tracked(backend, request):
    """Track an estimator in a project named after the test, and return the project."""

    def track_and_finish(estimator):
        project = request.node.name[-60:].replace("/", " ")
        track(estimator, project).finish()
        return project

    return track_and_finish


def test_importances_are_told_by_feature_the_largest_first(backend, tracked):
    model = RandomForestClassifier(10, random_state=0).fit(x, y)
    found = table(backend, tracked(model), "importances")
    order = np.argsort(-model.feature_importances_)
    assert found["feature"] == [names[index] for index in order]
    assert found["importance"] == pytest.approx(model.feature_importances_[order])


def test_coefficients_are_told_by_class(backend, tracked):
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    found = table(backend, tracked(model), "coefficients")
    assert list(found) == ["feature", "class 0", "class 1", "class 2"]
    at = found["feature"].index(names[3])
    assert [found[f"class {n}"][at] for n in range(3)] == pytest.approx(model[-1].coef_[:, 3])


@pytest.mark.parametrize("model", [Ridge(), LinearSVC(dual=True), Lasso(alpha=0.01, copy_X=True)])
def test_one_row_of_coefficients_is_one_column(backend, tracked, model):
    found = table(backend, tracked(model.fit(x, y == 0)), "coefficients")
    assert sorted(found["coefficient"], key=abs, reverse=True) == pytest.approx(found["coefficient"])
    assert found["coefficient"] == pytest.approx(sorted(model.coef_.ravel(), key=abs, reverse=True))


def test_coefficients_of_several_targets_are_told_by_target(backend, tracked):
    model = Ridge().fit(x.to_numpy(), np.stack([y, -y], axis=1))
    found = table(backend, tracked(model), "coefficients")
    assert (list(found), sorted(found["feature"])) == (["feature", "target 0", "target 1"], ["x0", "x1", "x2", "x3"])


def test_features_that_a_step_makes_have_its_names(backend, tracked):
    scaled = make_column_transformer((StandardScaler(), names[:2]), remainder="drop")
    search = GridSearchCV(make_pipeline(scaled, PCA(2), LogisticRegression()), {"pca__n_components": [2]}, cv=2)
    found = table(backend, tracked(search.fit(x, y)), "coefficients")
    assert sorted(found["feature"]) == ["pca0", "pca1"]


def test_features_that_nobody_can_name_are_numbered(backend, tracked):
    model = make_pipeline(FunctionTransformer(lambda x: x[:, :2]), Ridge()).fit(x.to_numpy(), y)
    assert sorted(table(backend, tracked(model), "coefficients")["feature"]) == ["x0", "x1"]


def test_of_very_many_features_the_largest_are_told(backend, tracked):
    wide = np.random.default_rng(0).normal(size=(20, 3_000))
    payload, _ = results(backend, tracked(Ridge().fit(wide, wide[:, 7])))["coefficients"]
    features, values = (column["values"] for column in payload["columns"])
    assert (payload["row_count"], len(values), features[0]) == (3_000, MOST, "x7")


def test_an_estimator_without_importances_has_no_table(backend, tracked):
    assert results(backend, tracked(SVC().fit(*load_breast_cancer(return_X_y=True)))) == {}


def test_names_that_are_not_text_are_no_matter(backend, tracked):
    model = Ridge().fit(pandas.DataFrame(x.to_numpy()), y)
    assert len(table(backend, tracked(model), "coefficients")["feature"]) == 4
