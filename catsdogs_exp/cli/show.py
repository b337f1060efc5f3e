"""`python -m catsdogs_exp show [key=value ...]`: draws augmented training images, and shows the network."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from catsdogs_exp.cli.arguments import settings_and_flags
from catsdogs_exp.cli.screen import TerminalScreen, output
from catsdogs_exp.errors import BadInput
from catsdogs_exp.printable import printable

if TYPE_CHECKING:  # they come with NumPy and Pillow
    from PIL import Image

    from catsdogs_exp.data.loaders import Loader
    from catsdogs_exp.data.manifest import Manifest

_COLUMNS, _EPOCHS = 8, 3
_USAGE = """Usage: python -m catsdogs_exp show [key=value ...] [--drawn] [--parts]

Draws training images: the originals, then their augmented versions in the first epochs. Prints the class
balance and the model's summary. Nothing is trained.

  --drawn   the random parameters of each image, below it and on the screen
  --parts   also the parts of drawn animals, which `atlas` names channels after (dataset=drawn)

  python -m catsdogs_exp show augment=course --drawn
  python -m catsdogs_exp show depth=4 dataset=folder dataset.path=~/photos"""


def main(arguments: list[str]) -> int:
    """Writes `<output_dir>/show/<time>/augmentation.png` and prints its path."""
    overrides, flags = settings_and_flags(arguments, ("--drawn", "--parts"), _USAGE)

    from catsdogs_exp.config.compose import config_of
    from catsdogs_exp.config.schema.datasets import DrawnDataset
    from catsdogs_exp.data.open_data import open_data

    screen = TerminalScreen()
    config = config_of(overrides, say=screen.say)
    if "--parts" in flags and not isinstance(config.dataset, DrawnDataset):
        raise BadInput(f"--parts needs dataset=drawn, whose parts are known. Received: dataset={config.dataset.name}")
    data = open_data(config, screen.progress, lambda _: None)
    screen.close()
    _print_balance(data.manifest.counts())

    from catsdogs_exp.training.runtime import import_tensorflow

    import_tensorflow()
    from catsdogs_exp.data.loaders import make_loader
    from catsdogs_exp.data.sources.listing import TRAIN
    from catsdogs_exp.data.turns import taking_turns
    from catsdogs_exp.models import build_model
    from catsdogs_exp.record.folder.run_folder import new_run_folder

    classes = len(data.manifest.classes)
    model = build_model(config.model, config.loader.target_size, classes, config.loader.channels)
    model.summary(print_fn=output().print)
    loader = make_loader(config, data, TRAIN)
    indices = taking_turns(loader.labels, loader.seed)[:_COLUMNS].tolist()
    sheet = _augmented(loader, indices, data.manifest, "--drawn" in flags)
    path = new_run_folder(config.output_dir, "show") / "augmentation.png"
    sheet.save(path)
    output().say(f"training images, original first, then as they enter training: {path}")
    if "--parts" in flags:
        listing = data.manifest.listing
        files = [str(listing.paths[loader.rows[index]]) for index in indices]
        _show_parts(config.dataset, listing.root, files, path.with_name("parts.png"))
        output().say(f"parts of the drawn animals: {path.with_name('parts.png')}")
    return 0


def _print_balance(counts: dict[str, dict[str, int]]) -> None:
    console = output()
    for split, classes in counts.items():
        total = sum(classes.values())
        console.say(f"{split}: {total} images")
        for name, count in classes.items():
            console.say(f"  {name:<16} {count:>6}  {'#' * round(40 * count / total)}")


def _augmented(loader: "Loader", indices: list[int], manifest: "Manifest", says_drawn: bool) -> "Image.Image":
    """Draws training images: the originals in the first row, then a row for each of the first epochs.

    Args:
        loader: prepares them.
        indices: positions of the images in it.
        manifest: of its data.
        says_drawn: whether to add the random parameters to the captions, and print them.
    """
    from catsdogs_exp.record.pictures.contact_sheet import contact_sheet

    images = [loader.original(index) for index in indices]
    captions = [f"{printable(manifest.classes[loader.labels[index]])}, image {index}" for index in indices]
    for epoch in range(_EPOCHS):
        for index in indices:
            images.append(loader.sample(epoch, index))
            drawn = loader.drawn(epoch, index) if says_drawn else {}
            lines = [f"{what} {text}" for what, text in drawn.items()]
            captions.append("\n".join([f"epoch {epoch + 1}", *lines]))
            if lines:
                file = str(manifest.listing.paths[loader.rows[index]])
                output().say(f"epoch {epoch + 1}, image {index}, {file}: {'; '.join(lines)}")
    return contact_sheet(images, captions, columns=len(indices))


def _show_parts(dataset: Any, root: Path, files: list[str], path: Path) -> None:
    import numpy as np

    from catsdogs_exp.data.drawing import PARTS
    from catsdogs_exp.data.images.decoding import decode
    from catsdogs_exp.data.sources.drawn_parts import drawn_parts
    from catsdogs_exp.record.pictures.parts_sheet import parts_sheet

    images = [np.asarray(decode((root / file).read_bytes())) for file in files]
    parts_sheet(images, drawn_parts(dataset, files), PARTS).save(path)
