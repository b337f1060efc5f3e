"""The channel atlas of a run: its network, its validation images, and part masks if available."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.config.schema import Config
from catsdogs_exp.config.schema.datasets import DrawnDataset
from catsdogs_exp.data import drawing
from catsdogs_exp.data.images.resizing import resized
from catsdogs_exp.data.part_masks import PartMasks
from catsdogs_exp.data.progress import ReportProgress
from catsdogs_exp.data.sources.drawn_parts import drawn_parts
from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.labelled_images import LabelledImages, images_of_folder, images_of_split
from catsdogs_exp.insight.atlas import Images, LayerAtlas, make_atlas
from catsdogs_exp.insight.dissection import Concepts, concepts_of
from catsdogs_exp.insight.graph import FlatNetwork, Layer
from catsdogs_exp.insight.layers import AUTO, choose_layers, without_repeats
from catsdogs_exp.insight.visualization import Vision, visualize
from catsdogs_exp.record.folder.run_files import RunFiles
from catsdogs_exp.training.checkpoint.card import ModelCard
from catsdogs_exp.training.checkpoint.model_file import load_model


@dataclass(frozen=True)
class AtlasOptions:
    """What to analyse.

    Attributes:
        layers: `auto`, `all`, or names and patterns.
        split: the split whose images are used.
        data: a folder of images to use instead, or None.
        classes: texts such as `Katze=cats`, for classes in `data` that are not named like the network's.
        parts: a folder of masks, or None.
        images: maximum number of images.
        seconds: approximate time limit for measuring use.
        visualize: number of most used channels per layer to draw feature visualisations for.
    """

    layers: tuple[str, ...] = (AUTO,)
    split: str = "validation"
    data: Path | None = None
    classes: tuple[str, ...] = ()
    parts: Path | None = None
    images: int = 1000
    seconds: float = 40.0
    visualize: int = 0


@dataclass(frozen=True)
class RunAtlas:
    """The atlas of a run.

    Attributes:
        layers: one atlas per layer, from the input upwards.
        images: the images used.
        concepts: the parts shown by masks; None without masks.
        masked: number of images with a mask.
        visions: feature visualisations of the most used channels, from the input upwards.
    """

    layers: tuple[LayerAtlas, ...]
    images: LabelledImages
    concepts: Concepts | None
    masked: int
    visions: tuple[Vision, ...] = ()


def atlas_of_run(run: RunFiles, config: Config, options: AtlasOptions, progress: ReportProgress) -> RunAtlas:
    """Creates the atlas of a run's best network.

    Raises:
        BadInput: if the network, its data, the masks or a layer is not available.
    """
    model, card = load_model(run.network)
    network = FlatNetwork(model)
    layers = _layers(network, options)
    images = (
        images_of_folder(options.data, card, options.images, options.classes)
        if options.data
        else images_of_split(run, card, options.split, options.images)
    )
    masks, concepts = _masks(config, card, images, options, progress)
    found = make_atlas(
        network,
        layers,
        Images(images.pixels, images.labels, images.classes, masks, concepts),
        options.seconds,
        progress,
    )
    visions = _visions(network, found, options.visualize, progress)
    return RunAtlas(tuple(found), images, concepts, 0 if masks is None else len(masks), visions)


def _layers(network: FlatNetwork, options: AtlasOptions) -> list[Layer]:
    chosen = choose_layers(network, options.layers, "--layers")
    return without_repeats(network, chosen) if options.layers == (AUTO,) else chosen


def _visions(
    network: FlatNetwork, atlas: Sequence[LayerAtlas], most: int, progress: ReportProgress
) -> tuple[Vision, ...]:
    chosen = {layer.name: [each.number for each in (*layer.used, *layer.unused)][:most] for layer in atlas}
    total = sum(map(len, chosen.values()))
    found: list[Vision] = []
    for name, channels in chosen.items():
        for vision in visualize(network, network.layer(name), channels):
            found.append(vision)
            progress("visualizing", len(found), total)
    return tuple(found)


def _masks(
    config: Config, card: ModelCard, images: LabelledImages, options: AtlasOptions, progress: ReportProgress
) -> tuple[NDArray[np.uint8] | None, Concepts | None]:
    """Returns masks in the network's geometry: the user's, those of drawn images, or none."""
    if options.parts is not None:
        folder = PartMasks(options.parts)
        found = [folder.mask(path) for path in images.paths]
        without = sum(mask is None for mask in found)
        if without:
            raise BadInput(
                f"--parts must have a mask for each image. Missing: {without} of {len(found)}, such as "
                f"{images.paths[next(i for i, mask in enumerate(found) if mask is None)]}. "
                "A mask is a PNG at the same path; lower --images, or name a --data folder whose images have masks"
            )
        masks = [mask for mask in found if mask is not None]
        names: Sequence[str] = folder.names(1 + max(int(mask.max()) for mask in masks))
    elif options.data is None and isinstance(config.dataset, DrawnDataset):
        masks = drawn_parts(config.dataset, images.paths, progress)
        names = ["" if name == "background" else name for name in drawing.PARTS]
    else:
        return None, None
    there = set(np.unique(np.concatenate([np.unique(mask) for mask in masks])).tolist())
    concepts = concepts_of([name if value in there else "" for value, name in enumerate(names)])
    if not concepts.names:
        raise BadInput(f"--parts must have masks that show a part. Received: only 0 in {options.parts}")
    fitted = [resized(mask[..., None], card.target_size, card.resize, "nearest", 0)[..., 0] for mask in masks]
    return np.stack(fitted), concepts
