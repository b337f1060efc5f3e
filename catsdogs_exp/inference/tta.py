"""Test-time augmentation: the mean prediction over augmented views of an image (Krizhevsky et al., 2012)."""

import zlib
from dataclasses import dataclass, replace

import numpy as np
import yaml
from numpy.typing import NDArray

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.schema import Augment
from catsdogs_exp.data.augmentation import apply, changes_pictures, draw
from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.image_predictor import ImagePredictor, Opinions
from catsdogs_exp.record.folder.run_files import RunFiles


@dataclass(frozen=True)
class Views:
    """The views of an image besides the image itself.

    Attributes:
        augment: the augmentation, or None: the only view is the mirror image.
        seed: of the run.
        count: views per image, including the image itself.
    """

    augment: Augment | None
    seed: int
    count: int

    def of(self, images: NDArray[np.uint8], view: int) -> NDArray[np.uint8]:
        """View number `view` of each, uint8 [b, height, width, channels]: a function of seed, view and pixels only.

        An image therefore has the same views in any batch; view 0 is the image itself.
        """
        if view == 0:
            return images
        if self.augment is None:
            return images[:, :, ::-1]
        return np.stack([self._changed(image, self.augment, view) for image in images])

    def _changed(self, image: NDArray[np.uint8], augment: Augment, view: int) -> NDArray[np.uint8]:
        return apply(image, draw(augment, self.seed, view, zlib.crc32(image.tobytes())), augment)


def views_of(augment: Augment, seed: int, count: int) -> Views:
    """Creates `count` views in the style of the training's augmentation.

    Geometry, flips and colours are kept. Operations that hide or mix images are left out: noise, blur, erasing,
    policies, MixUp and CutMix help in training, but not in prediction. If only mirroring remains, there are two views
    at most.
    """
    kept = replace(augment, blur=0.0, noise_range=0.0, erasing=0.0, cutout=0.0, policy="none", mixup=0.0, cutmix=0.0)
    if changes_pictures(replace(kept, horizontal_flip=False)):
        return Views(kept, seed, count)
    return Views(None, seed, min(count, 2))


def run_views(run: RunFiles, count: int) -> Views:
    """Creates `count` views in the style of a run's augmentation.

    Raises:
        BadInput: if the run's config cannot be read.
    """
    path = run.folder / "config.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        # settings added after the run have defaults that change nothing
        settings = [f"augment.{key}={_typed(value)}" for key, value in content["augment"].items()]
        config = config_of([f"seed={content['seed']}", "augment=none", *settings])
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, AttributeError, BadInput) as error:
        raise BadInput(f"The config of the run cannot be read: {path}: {error}") from error
    return views_of(config.augment, config.seed, count)


MIRRORED = Views(None, 0, 2)
"""The image and its mirror image: the views for a network whose run, and therefore augmentation, is unknown."""


def _typed(value: object) -> str:
    """A value as typed on the command line."""
    return str(value).lower() if isinstance(value, bool) else str(value).replace(" ", "")


class ViewPredictor(ImagePredictor):
    """Predicts the mean of the probabilities over the views of each image.

    Args:
        predictor: predicts each view.
        views: of each image.
    """

    def __init__(self, predictor: ImagePredictor, views: Views) -> None:
        self.card, self.appendix = predictor.card, predictor.appendix
        self._predictor, self._views = predictor, views

    def opinions(self, images: NDArray[np.uint8]) -> Opinions:
        """Predicts uint8 [b, height, width, channels] at the card's target_size."""
        each = [self._predictor.opinions(self._views.of(images, view)) for view in range(self._views.count)]
        probabilities = np.mean([said.probabilities for said in each], axis=0, dtype=np.float64)
        logs = np.logaddexp.reduce([said.logs for said in each], axis=0, dtype=np.float64) - np.log(len(each))
        return Opinions(np.asarray(probabilities, np.float32), np.asarray(logs, np.float32), each[0].similarity)
