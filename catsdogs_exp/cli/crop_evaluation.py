"""`evaluate --crops`: how often cropping an image changes the prediction."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catsdogs_exp.record.folder.run_files import RunFiles, read_result

if TYPE_CHECKING:  # they come with TensorFlow
    from catsdogs_exp.inference.crop_sensitivity import CropSensitivity
    from catsdogs_exp.inference.image_predictor import ImagePredictor

_SHOWN = 10


def measure_crops(predictor: "ImagePredictor", files: Sequence[tuple[Path, str]]) -> "CropSensitivity":
    """Measures with a progress bar; unreadable files have been reported before."""
    from catsdogs_exp.cli.screen import TerminalScreen
    from catsdogs_exp.inference.crop_sensitivity import crop_sensitivity

    screen = TerminalScreen()
    try:
        return crop_sensitivity(predictor, files, screen.progress)
    finally:
        screen.close()


def crop_figures(found: "CropSensitivity") -> dict[str, Any]:
    """Returns all figures and flips as plain values."""
    return {
        **found.figures(),
        "flips": [{**asdict(flip), "file": str(flip.file), "box": list(flip.box)} for flip in found.flips],
    }


def record_crops(run: RunFiles, found: "CropSensitivity") -> bool:
    """Adds the figures to the `result.json` of a finished run, for `compare`. Returns False if the run did not
    complete, or if some of its images could not be read.
    """
    from catsdogs_exp.record.folder.result import write_json

    content = read_result(run.folder)
    if content.get("status") != "ok" or found.left_out:
        return False
    write_json(run.folder / "result.json", {**content, "crop_sensitivity": found.figures()})
    return True


def show_crops(found: "CropSensitivity") -> None:
    """Prints the figures, and the most striking images."""
    from catsdogs_exp.cli.screen import output, table

    console, figures = output(), found.figures()
    low, high = figures["share_interval"]
    console.say(
        f"crop sensitivity {figures['share']:.4f} (95 % interval {low:.4f} to {high:.4f}): the share of "
        f"{figures['images'] * figures['crops']:,} crops whose answer differs from that for the whole image"
    )
    console.say(
        f"{figures['images_changed']:.4f} of {figures['images']:,} images change under at least one of "
        f"{figures['crops']} crops"
    )
    console.say(
        f"some crop makes {_share(figures['corrected'])} of the wrong answers right, "
        f"and {_share(figures['spoilt'])} of the right answers wrong"
    )
    scales = table("sides of the crops", "answers changed", "images changed", "accuracy")
    scales.add_row("1 (whole images)", "", "", f"{figures['accuracy']['whole']:.4f}")
    for each in figures["scales"]:
        scales.add_row(
            f"{each['scale']:g}", f"{each['share']:.4f}", f"{each['images_changed']:.4f}", f"{each['accuracy']:.4f}"
        )
    console.print(scales)
    if found.flips:
        shown = min(_SHOWN, len(found.flips))
        console.say(f"the {shown} most striking of {len(found.flips)} images that change:")
    for flip in found.flips[:_SHOWN]:
        before, after = flip.confidence
        console.say(f"  {flip.file}: {flip.whole} {before:.2f}; {flip.crop}: {flip.cropped} {after:.2f}")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
