"""The model card in a network's file: its classes, and how images are prepared for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from catsdogs_exp.config.schema import LoaderSettings
from catsdogs_exp.config.schema.config import INTERPOLATIONS, RESIZES
from catsdogs_exp.data.images.preparing import Preparation
from catsdogs_exp.data.images.resizing import evaluated_as, evaluation_size

_LONGEST = 4096  # pixels: the largest target_size


@dataclass(frozen=True)
class ModelCard:
    """What is needed to use the network correctly, besides the preprocessing it contains.

    Attributes:
        classes: class names, in the order of the probabilities.
        target_size: height and width to which images are resized.
        resize, interpolation: how images are resized, without randomness.
        channels: 3, or 1 for grey.
        pad_value: 0..255, the padding with resize=pad.
        white_levels: Pillow mode -> white level of training images with more than 8 bits.
    """

    classes: tuple[str, ...]
    target_size: tuple[int, int]
    resize: str
    interpolation: str
    channels: int = 3
    pad_value: float = 0.0
    white_levels: Mapping[str, float] = field(default_factory=dict)

    @property
    def preparation(self) -> Preparation:
        """Returns how to prepare images for the network."""
        return Preparation.of(self, self.white_levels)

    @classmethod
    def of(
        cls, loader: LoaderSettings, classes: tuple[str, ...], white_levels: Mapping[str, float] | None = None
    ) -> "ModelCard":
        """Creates the card for a run's settings and data."""
        return cls(
            classes,
            evaluation_size(loader),
            evaluated_as(loader.resize),
            loader.interpolation,
            loader.channels,
            loader.pad_value,
            dict(white_levels or {}),
        )


def card_of(raw: Mapping[str, Any]) -> ModelCard:
    """Converts plain values, as from `dataclasses.asdict`, to a card.

    Raises:
        KeyError, ValueError, TypeError, IndexError, AttributeError: for other values.
    """
    card = ModelCard(
        classes=tuple(str(name) for name in raw["classes"]),
        target_size=(int(raw["target_size"][0]), int(raw["target_size"][1])),
        resize=str(raw["resize"]),
        interpolation=str(raw["interpolation"]),
        channels=int(raw["channels"]),
        pad_value=float(raw.get("pad_value", 0.0)),  # networks of earlier versions have none
        white_levels={str(mode): float(white) for mode, white in raw.get("white_levels", {}).items()},
    )
    if not _is_possible(card):
        raise ValueError(f"impossible description: {card}")
    return card


def _is_possible(card: ModelCard) -> bool:
    """Returns whether images can be prepared this way: files from other sources may contain anything."""
    return (
        bool(card.classes)
        and all(1 <= side <= _LONGEST for side in card.target_size)
        and card.resize in RESIZES
        and card.interpolation in INTERPOLATIONS
        and card.channels in (1, 3)
        and 0 <= card.pad_value <= 255
    )
