"""What Ignite's engines leave, with the handlers of TensorBoard and ours."""

import warnings

import pytest
import torch
from torch import nn
from torch_series import assert_equal, in_backend, in_files

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ignite imports what PyTorch calls deprecated
    from ignite.engine import Events, create_supervised_evaluator, create_supervised_trainer
    from ignite.handlers import global_step_from_engine, tensorboard_logger
    from ignite.metrics import Accuracy, Loss

    import prevue_torch.ignite as ours
    from prevue import PrevueIgniteLogger

pytestmark = pytest.mark.filterwarnings("ignore::Warning")  # Ignite has some, of itself and of this machine

BATCHES, EPOCHS = 4, 2


def train(logger, handlers, fails=False):
    """Train a layer, the same with every logger."""
    torch.manual_seed(0)
    model, measure = nn.Linear(3, 2), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    trainer = create_supervised_trainer(model, optimizer, measure)
    evaluator = create_supervised_evaluator(model, metrics={"accuracy": Accuracy(), "nll": Loss(measure)})
    batches = [(torch.randn(4, 3), torch.tensor([0, 1, 0, 1])) for _ in range(BATCHES)]
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda: 1 / 0 if fails else evaluator.run(batches))
    each = Events.ITERATION_COMPLETED
    logger.attach_output_handler(trainer, each, tag="training", output_transform=lambda loss: {"loss": loss})
    logger.attach_opt_params_handler(trainer, each, optimizer=optimizer)
    steps = {"global_step_transform": global_step_from_engine(trainer)}
    logger.attach_output_handler(evaluator, Events.EPOCH_COMPLETED, tag="validation", metric_names="all", **steps)
    logger.attach(trainer, handlers.WeightsHistHandler(model), Events.EPOCH_COMPLETED)
    logger.attach(trainer, handlers.GradsHistHandler(model, whitelist=["weight"]), Events.EPOCH_COMPLETED)
    with logger:
        trainer.run(batches, max_epochs=EPOCHS)


def test_series_equal_those_of_the_tensorboard_logger(backend, tmp_path):
    train(tensorboard_logger.TensorboardLogger(log_dir=str(tmp_path)), tensorboard_logger)
    train(PrevueIgniteLogger("equal ignite"), ours)
    expected = in_files(tmp_path, names=lambda tag: tag.replace("training/", "train/"))
    assert len(expected) == 4
    assert_equal(in_backend(backend, "equal ignite"), expected)
    assert backend.runs("equal ignite") == [("finished",)]


def test_weights_and_gradients_are_histograms(backend):
    train(PrevueIgniteLogger("histograms"), ours)
    rows = backend.rows(
        "SELECT results.name, results.step FROM results JOIN runs USING (run_id) JOIN projects USING (project_id) "
        "WHERE project_name = 'histograms' AND kind = 'histogram'"
    )
    names = ("weights/weight", "weights/bias", "grads/weight")
    assert sorted(rows) == sorted((name, epoch) for name in names for epoch in (1, 2))


def test_an_exception_fails_the_run_and_is_not_swallowed(backend):
    with pytest.raises(ZeroDivisionError):
        train(PrevueIgniteLogger("ignite fails"), ours, fails=True)
    assert backend.runs("ignite fails") == [("failed",)]


def test_without_a_server_training_goes_on(nowhere, caplog):
    train(PrevueIgniteLogger("alone"), ours)
    assert f"cannot reach {nowhere}" in caplog.text
