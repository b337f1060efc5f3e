"""Decides when a run, or one of its stages, ends before its last epoch.

The decisions depend on the history alone, so a resumed run ends at the same point.
"""

from catsdogs_exp.config.schema.training import StopAt, Training
from catsdogs_exp.metrics.names import lower_is_better
from catsdogs_exp.training.progress import History, Progress


def reason_to_stop(training: Training, progress: Progress, in_last_stage: bool = True) -> str:
    """Returns why a run ends after the finished epochs, in words; `""` to continue.

    Args:
        training: its settings.
        progress: between two epochs, at least one of them finished.
        in_last_stage: whether early stopping ends the run; otherwise, it ends the stage, see `out_of_patience`.
    """
    history = progress.history
    return (
        _target(training.stop_at, history)
        or (out_of_patience(training, history, history.stage) if in_last_stage else "")
        or over_budget(training, progress)
    )


def _target(stop_at: StopAt, history: History) -> str:
    if stop_at.value is None:
        return ""
    value = history.epochs[-1].value(stop_at.metric)
    reached = value <= stop_at.value if lower_is_better(stop_at.metric) else value >= stop_at.value
    return f"{stop_at.metric} {value:.4f} has reached training.stop_at.value={stop_at.value:g}" if reached else ""


def out_of_patience(training: Training, history: History, stage: int) -> str:
    """Returns why a stage ends after its finished epochs, in words; `""` to continue. Other stages' epochs do not
    count.
    """
    stopping = training.early_stopping
    if stopping.patience is None:
        return ""
    sign = -1 if lower_is_better(history.monitor) else 1
    best, since = -float("inf"), 0
    for result in history.of_stage(stage):
        value = sign * result.value(history.monitor)
        if value > best + stopping.min_delta or (best == -float("inf") and value > best):
            best, since = value, 0
        else:
            since += 1
    if since < stopping.patience:
        return ""
    epochs = f"{since} epoch{'s' if since > 1 else ''}"
    return f"{history.monitor} has not improved for {epochs} (training.early_stopping.patience)"


def over_budget(training: Training, progress: Progress) -> str:
    """Returns which budget is used up, even within an epoch, in words; `""` for none."""
    if training.max_steps is not None and progress.steps >= training.max_steps:
        return f"training.max_steps={training.max_steps} are done"
    minutes = (progress.history.seconds + progress.trained) / 60
    if training.max_minutes is not None and minutes >= training.max_minutes:
        return f"training.max_minutes={training.max_minutes:g} have passed"
    return ""
