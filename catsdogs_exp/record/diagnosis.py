"""Diagnoses a run from its numbers: each finding states its evidence. Does not import TensorFlow."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from catsdogs_exp.data.sources.split_names import VALIDATION, split_of
from catsdogs_exp.metrics.intervals import wilson_interval
from catsdogs_exp.record.folder.predictions import Predictions

WIDE = 0.1
"""Half the width of the accuracy's interval above which there are too few validation images to tell."""

_ROSE = 1.2  # ratio of the training loss to its lowest value that noise does not explain
_OVERFIT = 1.05  # ratio of the validation loss to its lowest value
_GAP = 0.1  # difference of accuracies
_WAITS = 0.3  # fraction of the time that training waits for input
_ALL = 0.99  # fraction of images predicted as one class
_KNOWS = 0.8  # lowest accuracy at which a network's confidence is evidence about labels
_LEARNED = 0.9  # lowest training accuracy that rules out the learning rate as the problem
_SURE = 0.95  # lowest probability of a wrong class at which the label is doubted
_DROPOUT = 0.5  # to try against overfitting

NOTHING = "No epoch has ended, so there is nothing to diagnose."
"""The text of the finding `nothing`."""

Row = Mapping[str, float]
"""One epoch: its columns in `metrics.csv`, including NaN."""


@dataclass(frozen=True)
class Diagnosis:
    """One finding.

    Attributes:
        kind: `learning`, `rising`, `overfits`, `gap`, `collapsed`, `diverged`, `chance`, `one_class`, `few`, `input`,
            `suspects`, `cue` or `nothing`.
        text: a sentence with its evidence.
        setting: the settings to type next, or `""`.
        trouble: whether it is a problem.
    """

    kind: str
    text: str
    setting: str = ""
    trouble: bool = True


# Order of the findings: those that make the others meaningless come first.
_ORDER = ("diverged", "collapsed", "chance", "few", "overfits", "rising", "input", "gap")


def diagnose(
    history: Sequence[Row], result: Mapping[str, Any], config: Mapping[str, Any], predictions: Predictions | None
) -> tuple[Diagnosis, ...]:
    """Returns all findings, those that make the others meaningless first.

    Args:
        history: one row per epoch, in order.
        result: the content of `result.json`; missing fields are ignored.
        config: dotted settings.
        predictions: predictions for the validation images, or None.
    """
    if not history:
        broken = _broken(result, config)
        return (broken,) if broken else (Diagnosis("nothing", NOTHING),)
    validation = predictions if predictions is not None and len(predictions) else None
    if validation is not None and (without := int((~validation.finite).sum())):
        text = f"No predictions: the network returns NaN for {without} of {len(validation)} validation images."
        return (Diagnosis("diverged", text, _slower(config)),)
    found = [
        _diverged(history, result, config),
        _collapsed(history, validation, result, config),
        *_learning(history, validation, result, config),
        _few(validation, config),
        _overfits(history, config),
        _rising(history, config),
        _waiting(result, config),
        _gap(history, result, config),
        _suspects(validation),
    ]
    kept = [each for each in found if each is not None]
    kinds = {each.kind for each in kept}
    if kinds & {"diverged", "collapsed", "chance"}:  # other findings about such a network are meaningless
        kept = [each for each in kept if each.kind not in ("rising", "gap", "overfits", "suspects", "learning")]
    if "overfits" in kinds:
        kept = [each for each in kept if each.kind != "gap"]
    return tuple(kept)


def next_setting(found: Sequence[Diagnosis]) -> str:
    """Returns the one setting to try next, as typed; `""` if there is none."""
    settings = {each.kind: each.setting for each in found if each.setting}
    return next((settings[kind] for kind in _ORDER if kind in settings), "")


def _broken(result: Mapping[str, Any], config: Mapping[str, Any]) -> Diagnosis | None:
    """Diagnoses a run that ended because of its loss."""
    found = re.search(r"loss became NaN or infinite( in epoch \d+, step \d+)?", str(result.get("error") or ""))
    if found is None:
        return None
    return Diagnosis(
        "diverged", f"Learning rate too high: the loss became NaN or infinite{found[1] or ''}.", _slower(config)
    )


def _slower(config: Mapping[str, Any]) -> str:
    """Returns the setting for a tenth of the learning rate."""
    rate = config.get("lr")
    return f"lr={rate / 10:g}" if isinstance(rate, int | float) else "lr=auto"


def _diverged(history: Sequence[Row], result: Mapping[str, Any], config: Mapping[str, Any]) -> Diagnosis | None:
    broken_early = _broken(result, config)
    if broken_early:
        return broken_early
    losses = [row.get("loss", math.nan) for row in history]
    setting = _slower(config)
    broken = next((number for number, loss in enumerate(losses, start=1) if not math.isfinite(loss)), None)
    if broken is not None:
        return Diagnosis("diverged", f"Learning rate too high: the loss is NaN or infinite in epoch {broken}.", setting)
    lowest = min(losses)
    guess = math.log(max(2, len(result.get("classes") or ())))
    if (losses[-1] > _ROSE * lowest and losses[-1] > guess) or lowest > 2 * guess:
        rose = losses[-1] > lowest
        went = f"went from {lowest:.3g} (epoch {losses.index(lowest) + 1}) to" if rose else "is still"
        text = f"Learning rate too high: the loss {went} {losses[-1]:.3g}; guessing gives {guess:.3g}."
        return Diagnosis("diverged", text, setting)
    return None


def _collapsed(
    history: Sequence[Row], predictions: Predictions | None, result: Mapping[str, Any], config: Mapping[str, Any]
) -> Diagnosis | None:
    if predictions is None:
        return None
    count = len(predictions.classes)
    said, are = (
        np.bincount(each, minlength=count) / len(predictions) for each in (predictions.predicted, predictions.labels)
    )
    top = int(said.argmax())
    if said[top] < _ALL or are[top] >= _ALL:
        return None
    return Diagnosis(
        "collapsed",
        f"Collapsed to one class: {said[top]:.2f} of {len(predictions)} validation images are predicted as "
        f"{predictions.classes[top]}; {are[top]:.2f} belong to it{_learned(history)}.",
        _more_epochs(history, config) if _learned(history) or _was_searched(result) else "lr=auto",
    )


def _learned(history: Sequence[Row]) -> str:
    """Returns a note if the last epoch recognized the training images: then the learning rate is not the problem."""
    accuracy = history[-1].get("accuracy", math.nan)
    return f", while {accuracy:.2f} of the training images are classified correctly" if accuracy >= _LEARNED else ""


def _was_searched(result: Mapping[str, Any]) -> bool:
    """Returns whether `lr=auto` chose the rate: then it is no advice."""
    return result.get("lr_search_seconds") is not None


def _more_epochs(history: Sequence[Row], config: Mapping[str, Any]) -> str:
    planned = config.get("epochs")
    return f"epochs={2 * (planned if isinstance(planned, int) else len(history))}"


def _learning(
    history: Sequence[Row], predictions: Predictions | None, result: Mapping[str, Any], config: Mapping[str, Any]
) -> list[Diagnosis]:
    if predictions is None:
        first, last = history[0].get("loss", math.nan), history[-1].get("loss", math.nan)
        if last < 0.98 * first:
            return [Diagnosis("learning", f"Learning: the loss fell from {first:.3g} to {last:.3g}.", trouble=False)]
        return []
    present = np.unique(predictions.labels)
    if len(present) == 1:
        only = f"{len(predictions)} validation images are {predictions.classes[present[0]]}"
        text = f"Validation cannot tell: all {only}, so the accuracy does not show whether the classes are told apart."
        return [Diagnosis("one_class", text)]
    count, hits = len(predictions), int(predictions.right.sum())
    low, high = wilson_interval(hits, count)
    chance = float(np.bincount(predictions.labels).max() / count)
    figure = (
        f"{hits / count:.3f} ({low:.3f} to {high:.3f}) on {count} validation images; "
        f"always predicting the largest class: {chance:.3f}"
    )
    if low > chance:
        return [Diagnosis("learning", f"Learning: accuracy {figure}.", trouble=False)]
    fell = history[-1].get("loss", math.nan) < 0.98 * history[0].get("loss", math.nan)
    if high - low > 2 * WIDE and hits / count > chance:
        return []  # too few images to tell
    longer = fell or _learned(history) or _was_searched(result)
    setting = _more_epochs(history, config) if longer else "lr=auto"
    return [Diagnosis("chance", f"No better than chance: accuracy {figure}.", setting)]


def _few(predictions: Predictions | None, config: Mapping[str, Any]) -> Diagnosis | None:
    if predictions is None or config.get("training.overfit_batches"):  # validation then repeats training images
        return None
    count, hits = len(predictions), int(predictions.right.sum())
    low, high = wilson_interval(hits, count)
    if high - low <= 2 * WIDE:
        return None
    share = config.get("split.validation")
    if not isinstance(share, int | float) or share >= 0.4 or _comes_with_the_data(predictions, config):
        setting = ""
    else:
        setting = f"split.validation={min(0.4, 2 * share):g}"
    return Diagnosis(
        "few",
        (
            f"Too few validation images to tell: with {count}, the accuracy could be anywhere from "
            f"{low:.2f} to {high:.2f}."
        ),
        setting,
    )


def _comes_with_the_data(predictions: Predictions, config: Mapping[str, Any]) -> bool:
    """Returns whether folds or a folder such as `validation/` determine the validation images, not a share of all."""
    if config.get("split.folds"):
        return True
    if config.get("split.folders", "auto") not in ("auto", "splits"):
        return False
    folders = {part for path in predictions.paths for part in PurePosixPath(path).parts[:-1]}
    return any(split_of(name) == VALIDATION for name in folders - set(predictions.classes))


def _overfits(history: Sequence[Row], config: Mapping[str, Any]) -> Diagnosis | None:
    values = [row.get("val_loss", math.nan) for row in history]
    if len(values) < 3 or not all(map(math.isfinite, values)):
        return None
    best = min(range(len(values)), key=values.__getitem__)
    before, after = history[best]["loss"], history[-1]["loss"]
    if best >= len(values) - 2 or values[-1] < _OVERFIT * values[best] or not after < before:
        return None
    return Diagnosis(
        "overfits",
        f"Overfitting since epoch {best + 1}: val_loss is lowest there, {_shown(values[best], values[-1])}, and ends "
        f"at {_shown(values[-1], values[best])}, "
        f"while the training loss falls from {_shown(before, after)} to {_shown(after, before)}.",
        _against_overfitting(config),
    )


def _against_overfitting(config: Mapping[str, Any]) -> str:
    """Returns the setting for what the run lacks: augmentation, then dropout if its network can have some."""
    changes = ("rotation_range", "horizontal_flip", "mixup", "cutmix")
    if not any(config.get(f"augment.{key}") for key in changes) and config.get("augment.policy", "none") == "none":
        return "augment=course"
    dropout = config.get("model.dropout")
    return f"model.dropout={_DROPOUT}" if isinstance(dropout, int | float) and dropout < _DROPOUT else ""


def _rising(history: Sequence[Row], config: Mapping[str, Any]) -> Diagnosis | None:
    values = [row.get("val_loss", row.get("loss", math.nan)) for row in history]
    if len(values) < 2 or not all(map(math.isfinite, values)) or min(values) != values[-1]:
        return None
    before = min(values[:-1])
    if values[-1] > 0.995 * before:
        return None
    lowest = values.index(before)
    since = "in the last epoch" if lowest == len(values) - 2 else f"since epoch {lowest + 1}"
    return Diagnosis(
        "rising",
        f"Still improving: the loss on {'validation' if 'val_loss' in history[-1] else 'training'} images fell from "
        f"{_shown(before, values[-1])} to {_shown(values[-1], before)} {since}.",
        _more_epochs(history, config),
    )


def _shown(value: float, other: float) -> str:
    """Returns a loss with three decimals, or more if another would look the same."""
    return f"{value:.3f}" if round(value, 3) != round(other, 3) else f"{value:.3g}"


def _waiting(result: Mapping[str, Any], config: Mapping[str, Any]) -> Diagnosis | None:
    waiting = result.get("waiting")
    if not isinstance(waiting, int | float) or waiting < _WAITS:
        return None
    cached = config.get("loader.cache") in ("memory", "disk", "auto")
    return Diagnosis(
        "input",
        f"Input-bound: training spent {waiting:.2f} of its time waiting for images.",
        "" if cached else "loader.cache=auto",
    )


def _gap(history: Sequence[Row], result: Mapping[str, Any], config: Mapping[str, Any]) -> Diagnosis | None:
    epoch = (result.get("objective") or {}).get("epoch")
    row = history[epoch - 1] if isinstance(epoch, int) and 0 < epoch <= len(history) else history[-1]
    train, val = row.get("accuracy", math.nan), row.get("val_accuracy", math.nan)
    if not train - val > _GAP:
        return None
    return Diagnosis(
        "gap",
        f"Gap: accuracy {train:.3f} on training images, {val:.3f} on validation images.",
        _against_overfitting(config),
    )


def _suspects(predictions: Predictions | None) -> Diagnosis | None:
    if predictions is None or predictions.right.mean() < _KNOWS:
        return None
    count = int((~predictions.right & (predictions.confidence >= _SURE)).sum())
    if not count:
        return None
    return Diagnosis(
        "suspects",
        f"Label suspects: {count} of {len(predictions)} validation images are misclassified with a "
        "probability of at least "
        f"{_SURE}: check their labels first.",
    )
