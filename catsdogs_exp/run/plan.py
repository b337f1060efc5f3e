"""The stages of a run, planned before its first epoch: its epochs, and those of fine-tuning if any are asked for."""

from dataclasses import replace

import keras

from catsdogs_exp.config.schema import Config
from catsdogs_exp.models.freezing import check_start
from catsdogs_exp.training.stages import StagePlan


def plan_stages(config: Config, model: keras.Model) -> tuple[StagePlan, ...]:
    """What a run does one after the other.

    Raises:
        BadInput: when fine-tuning is to begin at a layer that the network does not have.
    """
    finetune = config.training.finetune
    first = StagePlan(1, config.epochs, config.optimizer, config.schedule, is_last=not finetune.epochs)
    if first.is_last:
        return (first,)
    check_start(model, finetune.unfreeze)
    slower = replace(config.optimizer, learning_rate=finetune.lr)
    return (first, StagePlan(first.last + 1, finetune.epochs, slower, config.schedule, finetune.unfreeze))
