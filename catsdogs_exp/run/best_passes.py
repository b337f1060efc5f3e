"""The final evaluation of a run: the best network on the test images, which are used here for the first time."""

from dataclasses import replace
from typing import Any

from catsdogs_exp.data.loaders import make_loader
from catsdogs_exp.data.sources.listing import TEST
from catsdogs_exp.record.listeners.best_predictions import KeepPredictions
from catsdogs_exp.run.network import Setup
from catsdogs_exp.training.fit import evaluate
from catsdogs_exp.training.steps import Steps


def evaluate_best(setup: Setup, predictions: KeepPredictions | None) -> dict[str, Any]:
    """Evaluates the best network, whose weights are in place, on the test images, and saves its predictions.

    Returns:
        `{"test": {"loss": ..., "accuracy": ..., ...}}`, or nothing without test images.
    """
    steps = Steps(setup.network.model)
    validation = replace(setup.loaders.validation, shard=(0, 1))  # other workers have ended by now
    if predictions is not None and not predictions.has_validation and len(validation.rows):
        # The best epoch was trained by an older version, which saved none.
        predictions.validation(evaluate(steps, validation, setup.config.training.validation_steps)[1])
    test = make_loader(setup.config, setup.data, TEST)
    if not len(test.rows):
        return {}
    found, outputs = evaluate(steps, test)
    if predictions is not None:
        predictions.test(outputs)
    return {"test": found}
