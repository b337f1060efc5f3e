"""`channels.csv`: one row per channel of an atlas."""

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from catsdogs_exp.insight.atlas import LayerAtlas

COLUMNS = ("layer", "channel", "use", "top_class", "part", "iou", "iou_untrained", "closest_part", "dead", "images")


def write_channels(layers: Iterable[LayerAtlas], classes: Sequence[str], path: Path) -> None:
    """Writes the rows, each layer's by descending use; unknown values stay empty.

    In addition to `COLUMNS` there is one column per class: the probability of the right class that its images lose.
    """
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as handle:
        writer = csv.writer(handle)
        writer.writerow([*COLUMNS, *(f"lost: {name}" for name in classes)])
        for layer in layers:
            for channel in layer.channels:
                writer.writerow(
                    [
                        channel.layer,
                        channel.number,
                        _figure(channel.use),
                        classes[channel.top_class],
                        channel.part,
                        _figure(channel.iou),
                        _figure(channel.iou_untrained),
                        channel.closest_part,
                        int(channel.dead),
                        layer.used_images,
                        *map(_figure, channel.probability_lost),
                    ]
                )


def _figure(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"
