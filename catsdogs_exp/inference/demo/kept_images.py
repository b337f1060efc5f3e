"""Keeps the images that pages are working on: decoded, only in memory, for a limited time."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.inference.demo.limits import Limits
from catsdogs_exp.inference.demo.refusal import Refused


@dataclass(frozen=True)
class KeptImage:
    """A decoded image.

    Attributes:
        pixels: uint8 [h, w, 3], upright, by the factor by which it is reduced: 1, and for large images 2, 4 and 8.
        whole: the whole image, prepared for each network, as uint8 [height, width, channels].
    """

    pixels: Mapping[int, NDArray[np.uint8]]
    whole: tuple[NDArray[np.uint8], ...]

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.pixels[1].shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.pixels[1].shape[0])

    @property
    def nbytes(self) -> int:
        """Returns the memory it takes, in bytes."""
        return sum(each.nbytes for each in (*self.pixels.values(), *self.whole))


class KeptImages:
    """Keeps images under secret names; drops the least recently used ones when it runs out of room.

    Args:
        limits: the server's limits.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._images: OrderedDict[str, tuple[KeptImage, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._images)

    def add(self, image: KeptImage) -> str:
        """Keeps an image and returns its name, which cannot be guessed."""
        name = secrets.token_urlsafe(16)
        self._images[name] = (image, time.monotonic())
        while len(self) > 1 and sum(each.nbytes for each, _ in self._images.values()) > self._limits.kept_bytes:
            self._images.popitem(last=False)
        return name

    def get(self, name: str) -> KeptImage:
        """Returns the image of this name.

        Raises:
            Refused: if it is no longer kept.
        """
        if name not in self._images:
            raise Refused(404, "The image is no longer in memory. Choose it again.")
        image, _ = self._images[name]
        self._images[name] = (image, time.monotonic())
        self._images.move_to_end(name)
        return image

    def drop(self, name: str) -> None:
        """Drops an image."""
        self._images.pop(name, None)

    def drop_old(self) -> None:
        """Drops images that have not been used for some time."""
        oldest = time.monotonic() - self._limits.kept_seconds
        while self._images and next(iter(self._images.values()))[1] < oldest:
            self._images.popitem(last=False)
