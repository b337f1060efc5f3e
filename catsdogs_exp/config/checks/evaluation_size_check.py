"""Checks that a network can be evaluated at another size than in training. Does not import TensorFlow."""

from typing import Any

from catsdogs_exp.config.checks.cnn_size_check import largest_depth
from catsdogs_exp.config.schema.models import CnnModel
from catsdogs_exp.config.schema.transfer import TransferModel
from catsdogs_exp.errors import BadInput


def check_evaluation_size(model: Any, target_size: tuple[int, int], evaluation_size: tuple[int, int] | None) -> None:
    """Rejects an evaluation size other than the training size for networks that do not end in global pooling.

    Raises:
        BadInput: naming the setting and the next step.
    """
    if evaluation_size is None or evaluation_size == target_size:
        return
    height, width = evaluation_size
    received = f"Received: loader.evaluation_size=[{height},{width}]"
    if isinstance(model, TransferModel):
        raise BadInput(
            f"loader.evaluation_size must be null for model.name={model.name}: its cached features have a fixed size. "
            f"{received}"
        )
    if not isinstance(model, CnnModel):
        return
    if model.flatten == "flatten":
        raise BadInput(
            f"loader.evaluation_size needs a network that ends in global pooling. {received} model.flatten=flatten. "
            "Set model.flatten=average"
        )
    if (largest := largest_depth(model, evaluation_size)) < model.depth:
        raise BadInput(
            f"loader.evaluation_size must leave at least one pixel after depth={model.depth} blocks. {received}, which "
            "allows "
            f"{largest}. Raise it"
        )
