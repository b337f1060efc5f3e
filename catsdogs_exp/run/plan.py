"""Plans the stages of a run: its epochs, then those of fine-tuning."""

from dataclasses import replace

from catsdogs_exp.config.schema import Config
from catsdogs_exp.training.stages import StagePlan


def plan_stages(config: Config) -> tuple[StagePlan, ...]:
    """Returns the stages of a run, in order; `epochs=auto` must be settled."""
    assert isinstance(config.epochs, int)
    finetune = config.training.finetune
    first = StagePlan(1, config.epochs, config.optimizer, config.schedule, is_last=not finetune.epochs)
    if first.is_last:
        return (first,)
    slower = replace(config.optimizer, learning_rate=finetune.lr)
    return (first, StagePlan(2, finetune.epochs, slower, config.schedule, finetune.unfreeze))
