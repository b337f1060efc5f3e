"""The channel atlas: for every channel, what excites it, how much it is used, and which part it detects."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.insight import dissection
from catsdogs_exp.insight.ablation import ChannelUse, channel_use
from catsdogs_exp.insight.channels import (
    ChannelAnswers,
    activations_in_batches,
    channel_answers,
    middling_images,
    strongest_images,
)
from catsdogs_exp.insight.dissection import Concepts, Dissection
from catsdogs_exp.insight.graph import FlatNetwork, Layer
from catsdogs_exp.insight.receptive_field import Field, receptive_fields

STRONGEST, MIDDLING = 9, 3  # patches per channel
_BATCH = 32
_DISSECTED = 400  # images whose masks are compared with activations
_UNUSED = 1e-3  # a channel that changes no class's probability by more than this is unused
_UNTRAINED = 3  # number of untrained networks, with different seeds: a single one's score is partly chance

Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Images:
    """The images of an atlas.

    Attributes:
        pixels: uint8 [n, height, width, 3 or 1], at the network's size, ordered so that every prefix is a fair sample.
        labels: int32 [n].
        classes: class names.
        masks: uint8 [n, height, width], the part at each pixel, or None.
        concepts: the meaning of the masks' values, or None.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int32]
    classes: tuple[str, ...]
    masks: NDArray[np.uint8] | None = None
    concepts: Concepts | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[1], self.pixels.shape[2]

    def batches(self) -> Iterator[NDArray[np.uint8]]:
        """Yields the pixels in batches."""
        for start in range(0, len(self.pixels), _BATCH):
            yield self.pixels[start : start + _BATCH]


@dataclass(frozen=True)
class Patch:
    """A place in an image that a channel responds to.

    Attributes:
        image: index of the image.
        box: left, top, right, bottom in pixels, the receptive field; may exceed the image.
        answer: the channel's activation at this place.
    """

    image: int
    box: tuple[int, int, int, int]
    answer: float


@dataclass(frozen=True)
class Channel:
    """One channel of the atlas.

    Attributes:
        layer, number: where it is.
        dead: whether its activation is constant.
        use: the loss of accuracy when it always outputs its mean.
        probability_lost: the mean drop in the right class's probability, by class; NaN without images.
        strongest, middling: patches of different images.
        make_up: each class's fraction of the strongest images.
        part: the part it is named after, or `""`.
        closest_part: the part for which its lead over the untrained network is largest, named or not; `""` without
        masks. iou, iou_untrained: intersection over union with that part on held-out images, and the best of the
        untrained network for the same part; NaN without masks.
    """

    layer: str
    number: int
    dead: bool
    use: float
    probability_lost: tuple[float, ...]
    strongest: tuple[Patch, ...]
    middling: tuple[Patch, ...]
    make_up: tuple[float, ...]
    part: str = ""
    closest_part: str = ""
    iou: float = float("nan")
    iou_untrained: float = float("nan")

    @property
    def top_class(self) -> int:
        """Returns the most frequent class among its strongest images."""
        return int(np.argmax(self.make_up))

    @property
    def is_unused(self) -> bool:
        """Returns whether removing it changes neither the accuracy nor any class's probability by 0.001."""
        known = [abs(value) for value in self.probability_lost if not np.isnan(value)]
        return self.use == 0 and max(known, default=0.0) < _UNUSED


@dataclass(frozen=True)
class LayerAtlas:
    """A layer's channels, most used first.

    Attributes:
        name: name of the layer.
        shape: height, width, channels.
        field: receptive field of its units, or None for the whole image.
        used_images: number of images that use was measured on.
        channels: all of them, dead ones last.
    """

    name: str
    shape: tuple[int, int, int]
    field: Field | None
    used_images: int
    channels: tuple[Channel, ...]

    @property
    def used(self) -> tuple[Channel, ...]:
        """Returns the channels that the network uses, or that are named after a part: those that a reader is shown."""
        return tuple(each for each in self.channels if not each.dead and (each.part or not each.is_unused))

    @property
    def unused(self) -> tuple[Channel, ...]:
        """Returns the others that are not dead."""
        return tuple(each for each in self.channels if not each.dead and not each.part and each.is_unused)


def make_atlas(
    network: FlatNetwork, layers: Sequence[Layer], images: Images, seconds: float = np.inf, report: Report | None = None
) -> list[LayerAtlas]:
    """Analyses every channel of some layers.

    Args:
        network: the trained network.
        layers: layers with feature maps.
        images: validation images.
        seconds: approximate time limit for measuring use, over all layers.
        report: called with the current task, the number done, and the total.
    """
    fields = receptive_fields(network.model, images.size)
    answers = channel_answers(network, layers, _reported(images, "activations", report))
    parts = _parts(_Observed(network, layers, answers, fields), images, report)
    found = []
    for number, layer in enumerate(layers):
        if report:
            report("channel use", number, len(layers))
        share = seconds / len(layers)
        means = answers[number].means.mean(axis=0)
        use = channel_use(network, layer, images.pixels, images.labels, means, share)
        channels = channels_of_layer(layer, answers[number], use, fields[layer.name], images)
        found.append(_layer_atlas(layer, fields[layer.name], channels, use, parts[number]))
    if report:
        report("channel use", len(layers), len(layers))
    return found


def untrained(model: keras.Model, seed: int) -> keras.Model:
    """Returns the network before training, initialized with a seed."""
    number = 0

    def fresh(layer: Any) -> Any:
        nonlocal number
        config = layer.get_config()
        for entry in config.values():
            if isinstance(entry, dict) and "seed" in (entry.get("config") or {}):
                number += 1
                entry["config"]["seed"] = 1000 * seed + number
        return type(layer).from_config(config)

    return keras.models.clone_model(model, clone_function=fresh)


def calibrate(model: keras.Model, pixels: NDArray[np.uint8]) -> None:
    """Gives batch normalisation the statistics of some images, as training does.

    Without them, a deep untrained network responds almost identically to every image, and is no baseline for a trained
    one.

    Args:
        model: the network, changed in place.
        pixels: uint8 [n, height, width, 3 or 1]; the first 64 are used.
    """
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in norms:
        layer.momentum, layer.trainable = 0.0, True
    if norms:
        first = pixels[:64].astype(np.float32)
        model(keras.tree.pack_sequence_as(model.input, [first]), training=True)


@dataclass(frozen=True)
class _Observed:
    """Some layers of a network, the statistics of their activations, and the receptive fields of all layers."""

    network: FlatNetwork
    layers: Sequence[Layer]
    answers: Sequence[ChannelAnswers]
    fields: dict[str, Field | None]


@dataclass(frozen=True)
class _Named:
    """The result of dissecting a layer's channels; empty without masks."""

    names: list[tuple[str, float] | None]
    closest: list[str]
    iou: NDArray[np.float64]
    untrained: NDArray[np.float64]


def _parts(trained: _Observed, images: Images, report: Report | None) -> list[_Named]:
    """Finds the part of the image that each channel detects better than channels of untrained networks do."""
    if images.masks is None or images.concepts is None:
        return [
            _Named([None] * count, [""] * count, np.full(count, np.nan), np.full(count, np.nan))
            for count in (each.maxima.shape[1] for each in trained.answers)
        ]
    some = replace(images, pixels=images.pixels[:_DISSECTED], masks=images.masks[:_DISSECTED])
    before = []
    for seed in range(_UNTRAINED):
        fresh = FlatNetwork(untrained(trained.network.model, seed))
        calibrate(fresh.model, some.pixels)
        same = [fresh.layer(layer.name) for layer in trained.layers]
        answers = channel_answers(fresh, same, _reported(some, "untrained network", report))
        before += _dissections(_Observed(fresh, same, answers, trained.fields), some, 0, report)
    after = _dissections(trained, some, dissection.SHUFFLES, report)
    best = np.max([each.iou.max(axis=0) for each in before], axis=0)
    found = []
    for each in after:
        lead = (each.iou / np.maximum(best, 1e-6)).argmax(axis=1)
        rows = np.arange(len(lead))
        found.append(
            _Named(
                dissection.name_channels(each, best, images.concepts),
                [images.concepts.names[part] for part in lead],
                each.iou[rows, lead],
                best[lead],
            )
        )
    return found


def _dissections(observed: _Observed, images: Images, shuffles: int, report: Report | None) -> list[Dissection]:
    """Compares the activations of each layer's channels with the images' masks."""
    assert images.masks is not None and images.concepts is not None
    layers = observed.layers
    grids = [
        dissection.mask_grid(images.size, min(dissection.MOST_CELLS, 4 * max(layer.output.shape[1:3])))
        for layer in layers
    ]
    edges = [dissection.quantile_edges(each.samples) for each in observed.answers]
    places = [
        observed.fields[layer.name] or dissection.evenly(layer.output.shape[1:3], images.size) for layer in layers
    ]
    bins: list[list[NDArray[np.uint8]]] = [[] for _ in layers]
    for batch in activations_in_batches(
        observed.network, layers, _reported(images, "parts" if shuffles else "parts, untrained", report)
    ):
        for collected, each, field, grid, edge in zip(bins, batch, places, grids, edges, strict=True):
            for one in each:
                collected.append(dissection.binned(dissection.aligned(one, field, images.size, grid), edge))
    found = []
    for collected, grid, edge in zip(bins, grids, edges, strict=True):
        masks = np.stack([dissection.shrunk_mask(mask, grid).ravel() for mask in images.masks])
        found.append(dissection.dissect(np.stack(collected), masks, edge, images.concepts, shuffles))
        collected.clear()
    return found


def channels_of_layer(
    layer: Layer, answers: ChannelAnswers, use: ChannelUse, field: Field | None, images: Images
) -> list[Channel]:
    """Returns the channels of a layer in order of their numbers, without parts.

    Args:
        layer: the layer.
        answers: the channels' activation statistics over the images.
        use: use of its channels.
        field: the receptive field of its units.
        images: the images used.
    """
    dead = answers.dead
    channels = []
    for number in range(answers.maxima.shape[1]):
        strongest = strongest_images(answers, number, STRONGEST)
        make_up = np.bincount(images.labels[strongest], minlength=len(images.classes)) / max(1, len(strongest))
        middling = middling_images(answers, number, MIDDLING)
        channels.append(
            Channel(
                layer.name,
                number,
                bool(dead[number]),
                float(use.accuracy[number]),
                tuple(use.probability[number].tolist()),
                tuple(_patch(answers, number, image, field, images.size) for image in strongest.tolist()),
                tuple(_patch(answers, number, image, field, images.size) for image in middling.tolist()),
                tuple(make_up.tolist()),
            )
        )
    return channels


def _layer_atlas(
    layer: Layer, field: Field | None, channels: Sequence[Channel], use: ChannelUse, parts: _Named
) -> LayerAtlas:
    named = []
    for channel in channels:
        name = parts.names[channel.number]
        named.append(
            replace(
                channel,
                part="" if name is None or channel.dead else name[0],
                closest_part=parts.closest[channel.number],
                iou=float(parts.iou[channel.number]),
                iou_untrained=float(parts.untrained[channel.number]),
            )
        )
    lost = np.abs(np.nan_to_num(use.probability)).mean(axis=1)  # ties in accuracy are broken by probability
    order = sorted(named, key=lambda each: (each.dead, -each.use, -lost[each.number]))
    height, width, count = layer.output.shape[1:]
    return LayerAtlas(layer.name, (height, width, count), field, use.images, tuple(order))


def _patch(answers: ChannelAnswers, channel: int, image: int, field: Field | None, size: tuple[int, int]) -> Patch:
    row, column = answers.places[image, channel].tolist()
    box = field.box(row, column) if field is not None else (0, 0, size[1], size[0])
    return Patch(image, box, float(answers.maxima[image, channel]))


def _reported(images: Images, what: str, report: Report | None) -> Iterable[NDArray[np.uint8]]:
    total = len(images.pixels)
    for number, batch in enumerate(images.batches()):
        if report:
            report(what, min(number * _BATCH, total), total)
        yield batch
    if report:
        report(what, total, total)
