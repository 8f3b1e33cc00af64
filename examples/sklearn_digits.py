"""scikit-learn: classifiers learn to read digits of 8 x 8 pixels, shown while they are fitted and after it."""

from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from prevue import PrevueSklearnCallback
from prevue_sklearn import track

x, y = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)

for c in (0.01, 1.0):
    model = make_pipeline(StandardScaler(), LogisticRegression(C=c))
    callback = PrevueSklearnCallback(project_name="digits-sklearn", run_name=f"logistic regression, C {c}")
    model.set_callbacks(callback).fit(x_train, y_train)

for rate in (0.001, 0.01):
    model = MLPClassifier((32,), learning_rate_init=rate, early_stopping=True, random_state=0)
    model.fit(x_train / 16, y_train)
    with track(model, project="digits-sklearn", name=f"perceptron, rate {rate}") as run:
        run.log({"test_accuracy": model.score(x_test / 16, y_test)})
