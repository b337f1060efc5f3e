"""The prediction for each image that a user named: a class with its probability, or why there is none."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from catsdogs_exp.inference.image_names import NamedImage
from catsdogs_exp.inference.image_predictor import ImagePredictor, Prediction
from catsdogs_exp.inference.threshold import Threshold
from catsdogs_exp.metrics.temperature import softened


@dataclass(frozen=True)
class Answer:
    """The prediction for one image.

    Attributes:
        name: as the user named the image.
        label: the predicted class; `""` if there is none.
        probability: probability of this class, 0..1.
        probabilities: class -> probability, most probable first.
        error: why there is no prediction, or `""`.
        calibrated: the probability corrected so that it matches accuracy on validation images; None if unknown.
        similarity: similarity to the training images, -1..1; None if unknown.
        unlike: whether it is unlike the training images; None if unknown.
        warning: what is unusual about the image, or `""`.
    """

    name: str
    label: str = ""
    probability: float = 0.0
    probabilities: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    calibrated: float | None = None
    similarity: float | None = None
    unlike: bool | None = None
    warning: str = ""


def answers(
    predictor: ImagePredictor, images: Sequence[NamedImage], threshold: Threshold | None = None
) -> Iterator[Answer]:
    """Returns the predictions, in the order of the images."""
    predictions = predictor.predict([image.path for image in images if not image.error])
    for image in images:
        if image.error:
            yield Answer(image.name, error=image.error)
        else:
            yield _answer(image.name, next(predictions), predictor, threshold)


def _answer(name: str, said: Prediction, predictor: ImagePredictor, threshold: Threshold | None) -> Answer:
    if said.probabilities is None:
        return Answer(name, error=said.error)
    classes, appendix = predictor.card.classes, predictor.appendix
    order = np.argsort(-said.probabilities, kind="stable").tolist()  # ties go to the first class
    each = {classes[place]: float(said.probabilities[place]) for place in order}
    label = classes[order[0]]
    if threshold is not None:
        label = classes[int(threshold.labels(said.probabilities[None], classes)[0])]
    calibrated = unlike = None
    if appendix and appendix.calibration and said.logs is not None:
        softer = softened(said.logs[None], appendix.calibration.temperature)
        calibrated = float(softer[0, classes.index(label)])
    if appendix and appendix.familiarity and said.similarity is not None:
        unlike = not said.similarity >= appendix.familiarity.limit
    return Answer(
        name,
        label,
        each[label],
        each,
        calibrated=calibrated,
        similarity=said.similarity,
        unlike=unlike,
        warning=said.warning,
    )
