"""One range for all images of a data set with more than eight bits per value."""

from dataclasses import replace

import numpy as np

from catsdogs_exp.data.images import depth
from catsdogs_exp.data.inspection.verdicts import NO_HASH, Verdicts

_FLAT = 3.0  # grey levels: an image without a brighter pixel is considered blank


def levelled(verdicts: Verdicts) -> Verdicts:
    """Chooses the white levels, and rescales each image's measurements from its own range to the common one."""
    usable = verdicts.reason == ""
    levels = depth.white_levels(verdicts.mode[usable].tolist(), verdicts.peak[usable])
    if not levels:
        return verdicts
    mean, std = verdicts.mean.copy(), verdicts.std.copy()
    perceptual, blank = verdicts.perceptual.copy(), verdicts.blank.copy()
    for mode, white in levels.items():
        for row in np.flatnonzero(usable & (verdicts.mode == mode)).tolist():
            scale = depth.range_of(mode, float(verdicts.peak[row])) / white
            mean[row] = np.minimum(mean[row] * scale, 255)
            std[row] *= scale
            if 255 * scale < _FLAT:
                perceptual[row], blank[row] = NO_HASH, True
    return replace(verdicts, mean=mean, std=std, perceptual=perceptual, blank=blank, white_levels=levels)


def level_notes(verdicts: Verdicts) -> list[str]:
    """One line per type of image whose type does not determine the white level: the choice, and how many images exceed
    it.
    """
    lines = []
    for mode, white in verdicts.white_levels.items():
        of_mode = (verdicts.reason == "") & (verdicts.mode == mode)
        beyond = int((verdicts.peak[of_mode] > white).sum())
        what = "floating-point images" if mode == "F" else "images of 16- or 32-bit integers"
        cut = f"; {beyond} of them have larger values, which become white" if beyond else ""
        lines.append(f"{int(of_mode.sum())} {what}: 0 to {white:,.0f} become black to white{cut}")
    return lines
