"""Compares two runs from the inside: their networks on the same images."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.progress import ReportProgress
from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.labelled_images import LabelledImages, images_of_files, images_of_folder, images_of_split
from catsdogs_exp.insight.ablation import ChannelUse, channel_use
from catsdogs_exp.insight.atlas import Channel, Images, channels_of_layer
from catsdogs_exp.insight.channels import ChannelAnswers, activations_in_batches, channel_answers
from catsdogs_exp.insight.graph import FlatNetwork, Layer
from catsdogs_exp.insight.layers import AUTO, choose_layers, without_repeats
from catsdogs_exp.insight.networks import Comparison, LayerFeatures, LonelyChannel, compare_networks, on_grid
from catsdogs_exp.insight.receptive_field import receptive_fields
from catsdogs_exp.record.folder.atlas_folders import atlas_folders
from catsdogs_exp.record.folder.run_files import RunFiles
from catsdogs_exp.training.checkpoint.card import ModelCard
from catsdogs_exp.training.checkpoint.model_file import load_model

_BATCH = 32
_FEWEST = 4  # images, for CKA
_SECONDS = 20.0  # for measuring the use of one network's channels


@dataclass(frozen=True)
class Side:
    """One of the two networks.

    Attributes:
        run: its run.
        images: prepared for this network.
        only_here: channels without a counterpart in the other network, most used first.
        channels: the same channels as in an atlas: use, patches, and their part if the run's atlas names it.
    """

    run: RunFiles
    images: LabelledImages
    only_here: tuple[LonelyChannel, ...]
    channels: tuple[Channel, ...]


@dataclass(frozen=True)
class Inside:
    """The comparison, both sides, and the folder of other images, or None."""

    comparison: Comparison
    first: Side
    second: Side
    data: Path | None = None


@dataclass(frozen=True)
class OtherData:
    """A folder of images to use instead of a run's own, one folder per class.

    Attributes:
        folder: the folder.
        classes: texts such as `Katze=cats`, for classes that are not named like the networks'.
    """

    folder: Path
    classes: tuple[str, ...] = ()


def compare_inside(
    runs: tuple[RunFiles, RunFiles],
    layers: Sequence[str],
    images: int,
    progress: ReportProgress,
    data: OtherData | None = None,
) -> Inside:
    """Compares the networks of two runs on the validation images of the first, or on other images.

    Args:
        runs: both.
        layers: `auto`, `all`, or names and patterns; each network uses those it has.
        images: maximum number of images.
        progress: called with the progress.
        data: other images to use.

    Raises:
        BadInput: if a network, the images or a layer is not available, or the runs have different classes.
    """
    first, second = (_Network.of(run, layers) for run in runs)
    if first.classes != second.classes:
        raise BadInput(
            f"--inside must compare runs with the same classes. Received: {', '.join(first.classes)} and "
            f"{', '.join(second.classes)}"
        )
    if data is None:
        shown = images_of_split(runs[0], first.card, "validation", images)
    else:
        shown = images_of_folder(data.folder, first.card, images, data.classes)
    if len(shown.labels) < _FEWEST:
        raise BadInput(
            f"--inside needs at least {_FEWEST} images that both networks see. Received: {len(shown.labels)}. "
            "Name a folder with more: --data PATH"
        )
    others = images_of_files(shown, second.card)
    sides = []
    for network, pictures, run in ((first, shown, runs[0]), (second, others, runs[1])):
        answers = channel_answers(network.flat, network.layers, _batches(pictures, run.folder.name, progress))
        sides.append((network, pictures, answers))
    features = [_features(*side) for side in sides]
    found = compare_networks(*features)
    alone = (found.only_in_first, found.only_in_second)
    whole = [_side(run, *side, lonely) for run, side, lonely in zip(runs, sides, alone, strict=True)]
    ordered = replace(found, only_in_first=whole[0].only_here, only_in_second=whole[1].only_here)
    return Inside(ordered, whole[0], whole[1], data.folder if data else None)


@dataclass(frozen=True)
class _Network:
    flat: FlatNetwork
    layers: tuple[Layer, ...]
    card: ModelCard
    classes: tuple[str, ...]

    @classmethod
    def of(cls, run: RunFiles, wanted: Sequence[str]) -> "_Network":
        model, card = load_model(run.network)
        flat = FlatNetwork(model)
        chosen = choose_layers(flat, wanted, "--layers")
        chosen = without_repeats(flat, chosen) if tuple(wanted) == (AUTO,) else chosen
        return cls(flat, tuple(chosen), card, card.classes)


def _features(network: _Network, images: LabelledImages, answers: Sequence[ChannelAnswers]) -> list[LayerFeatures]:
    collected: list[list[NDArray[np.float32]]] = [[] for _ in network.layers]
    for batch in activations_in_batches(network.flat, network.layers, _batches(images)):
        for parts, maps in zip(collected, batch, strict=True):
            parts.append(on_grid(maps))
    return [
        LayerFeatures(layer.name, np.concatenate(parts), each.dead)
        for layer, parts, each in zip(network.layers, collected, answers, strict=True)
    ]


def _side(
    run: RunFiles,
    network: _Network,
    images: LabelledImages,
    answers: Sequence[ChannelAnswers],
    lonely: Sequence[LonelyChannel],
) -> Side:
    """Use, patches and parts of the channels without a counterpart, most used first."""
    parts = _parts_of(run)
    fields = receptive_fields(network.flat.model, (images.pixels.shape[1], images.pixels.shape[2]))
    shown = Images(images.pixels, images.labels, images.classes)
    found: dict[tuple[str, int], Channel] = {}
    concerned = {each.layer for each in lonely}
    for layer, each in zip(network.layers, answers, strict=True):
        if layer.name not in concerned:
            continue
        use = _use(network, layer, images, each, _SECONDS / max(1, len(concerned)))
        for channel in channels_of_layer(layer, each, use, fields[layer.name], shown):
            part = parts.get((channel.layer, channel.number), "")
            found[channel.layer, channel.number] = replace(channel, part=part)
    ordered = sorted(lonely, key=lambda one: (-found[one.layer, one.channel].use, one.correlation))
    return Side(run, images, tuple(ordered), tuple(found[one.layer, one.channel] for one in ordered))


def _use(
    network: _Network, layer: Layer, images: LabelledImages, answers: ChannelAnswers, seconds: float
) -> ChannelUse:
    return channel_use(network.flat, layer, images.pixels, images.labels, answers.means.mean(axis=0), seconds)


def _parts_of(run: RunFiles) -> dict[tuple[str, int], str]:
    """Returns the parts named by the run's atlases, later atlases first; empty without an atlas."""
    parts: dict[tuple[str, int], str] = {}
    for path in (folder / "channels.csv" for folder in reversed(atlas_folders(run))):
        if not path.is_file():
            continue
        try:
            with path.open(newline="", encoding="utf-8", errors="surrogateescape") as handle:
                rows = list(csv.DictReader(handle))
            parts |= {(row["layer"], int(row["channel"])): row["part"] for row in rows if row["iou"]}
        except (OSError, KeyError, ValueError, csv.Error) as error:
            raise BadInput(f"An atlas of the run cannot be read: {path} ({error}). Move it away") from error
    return parts


def _batches(
    images: LabelledImages, what: str = "", progress: ReportProgress | None = None
) -> Iterator[NDArray[np.uint8]]:
    total = len(images.pixels)
    for start in range(0, total, _BATCH):
        yield images.pixels[start : start + _BATCH]
        if progress:
            progress(f"activations of {what}", min(start + _BATCH, total), total)
