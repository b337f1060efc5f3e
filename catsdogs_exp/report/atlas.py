"""Writes a run's atlas below `RUN/atlas/`: the page, the table, and TensorBoard images."""

from pathlib import Path

from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.atlas import RunAtlas
from catsdogs_exp.record.atlas_csv import write_channels
from catsdogs_exp.record.folder.atlas_folders import new_atlas_folder
from catsdogs_exp.record.folder.run_files import RunFiles
from catsdogs_exp.record.listeners.tensorboard.event_files import write_images
from catsdogs_exp.record.pictures.encoding import png_of
from catsdogs_exp.record.pictures.patch_strip import layer_sheet
from catsdogs_exp.report.atlas_page import AtlasContent, write_page

_ON_SHEET = 16  # channels per layer in TensorBoard


def write_atlas(run: RunFiles, atlas: RunAtlas) -> Path:
    """Writes everything and returns the page's path. Earlier atlases of the run are kept: the next one is `atlas-2/`.

    Raises:
        BadInput: if the folder cannot be written.
    """
    folder = new_atlas_folder(run)
    try:
        write_channels(atlas.layers, atlas.images.classes, folder / "channels.csv")
    except OSError as error:
        raise BadInput(f"The atlas cannot be written: {folder}: {error.strerror}") from error
    write_page(
        atlas.layers,
        atlas.images.pixels,
        AtlasContent(
            f"Channel atlas of {run.folder.name}",
            _notes(atlas),
            atlas.images.classes,
            atlas.concepts is not None,
            atlas.visions,
        ),
        folder / "atlas.html",
    )
    if (run.folder / "tensorboard").is_dir():
        sheets = {
            f"{folder.name}/{number}_{layer.name}": png_of(
                layer_sheet(layer, (*layer.used, *layer.unused)[:_ON_SHEET], atlas.images.pixels)
            )
            for number, layer in enumerate(atlas.layers, start=1)
        }
        write_images(run.folder / "tensorboard", sheets)
    return folder / "atlas.html"


def _notes(atlas: RunAtlas) -> tuple[str, ...]:
    channels = [channel for layer in atlas.layers for channel in layer.channels]
    notes = [
        f"{len(channels)} channels of {len(atlas.layers)} layers on {len(atlas.images.labels)} images. Each strip "
        "shows the nine patches, from different images, that excite the channel most, then three "
        "from the middle of its "
        "range for contrast.",
        "Use is the accuracy that the network loses when the channel always outputs its mean. Channels that do "
        "the same work compensate for each other, so the use of one understates what they do together.",
    ]
    if atlas.concepts is None:
        notes.append("No part masks were given, so channels have no names.")
    else:
        named = sum(bool(channel.part) for channel in channels)
        notes.append(
            f"{named} channels are named after a part: on held-out images their strongest activations overlap with it "
            "(intersection over union, IoU) at least 1.5 times as well as the best channel of the same network without "
            "training, and better than 99 % of what shuffled masks give."
        )
    return tuple(notes)
