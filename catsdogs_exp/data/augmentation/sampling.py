"""Samples the parameters for one image. Each setting reads its own part of the random stream, so none affects
others.
"""

import math
from dataclasses import dataclass

from catsdogs_exp.config.schema import Augment
from catsdogs_exp.data.augmentation.custom import Custom
from catsdogs_exp.data.augmentation.detail import Cut, Erased
from catsdogs_exp.data.augmentation.geometry import Warp
from catsdogs_exp.data.augmentation.policies import Operation, draw_operations
from catsdogs_exp.data.randomness import sample_uniforms

OFF = (1.0, 1.0)  # a range of factors without effect
_WARP = 8  # positions in the random stream
_POLICY = 25  # where the policy's numbers begin: one, and two for each operation


@dataclass(frozen=True)
class Drawn:
    """All changes to one image. Fields left at their defaults change nothing.

    Attributes:
        warp: the geometry.
        brightness, contrast, saturation: factors.
        hue: degrees.
        channel_shift: grey levels.
        grey: whether the image is converted to grey.
        blur: standard deviation of the Gaussian in pixels; 0: none.
        noise: standard deviation in grey levels; 0: none.
        noise_key: selects the noise, 0..2**53.
        erased, cut: the erased region, or None.
        operations: the policy's operations.
        custom: the plugins' operations, in order.
    """

    warp: Warp
    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    hue: float = 0.0
    channel_shift: float = 0.0
    grey: bool = False
    blur: float = 0.0
    noise: float = 0.0
    noise_key: int = 0
    erased: Erased | None = None
    cut: Cut | None = None
    operations: tuple[Operation, ...] = ()
    custom: tuple[Custom, ...] = ()


def changes_pictures(augment: Augment) -> bool:
    """Returns whether these settings change single images; mixing does not count."""
    return _warps(augment) or _goes_beyond_geometry(augment) or bool(augment.custom)


def mixes(augment: Augment) -> bool:
    """Returns whether these settings mix images in pairs."""
    return augment.mixup > 0 or augment.cutmix > 0


def _warps(augment: Augment) -> bool:
    ranges = (augment.rotation_range, augment.width_shift_range, augment.height_shift_range, augment.shear_range)
    return any(ranges) or augment.zoom_range != OFF or augment.horizontal_flip or augment.vertical_flip


def _goes_beyond_geometry(augment: Augment) -> bool:
    return (
        augment.brightness_range != OFF
        or augment.contrast_range != OFF
        or augment.saturation_range != OFF
        or augment.hue_range > 0
        or augment.channel_shift_range > 0
        or augment.greyscale > 0
        or augment.blur > 0
        or augment.noise_range > 0
        or augment.erasing > 0
        or augment.cutout > 0
        or augment.policy != "none"
    )


def draw(augment: Augment, seed: int, epoch: int, index: int) -> Drawn:
    """Samples the changes to image `index` in an epoch: a function of (seed, epoch, index) only."""
    beyond = _goes_beyond_geometry(augment)
    needed = _POLICY + 1 + 2 * augment.num_ops if beyond else _WARP
    u = sample_uniforms(seed, epoch, index, needed).tolist()
    warp = Warp(
        rotation=augment.rotation_range * _spread(u[0]),
        shift_y=augment.height_shift_range * _spread(u[1]),
        shift_x=augment.width_shift_range * _spread(u[2]),
        shear=augment.shear_range * _spread(u[3]),
        zoom_y=_between(augment.zoom_range, u[4]),
        zoom_x=_between(augment.zoom_range, u[5]),
        flip_x=augment.horizontal_flip and u[6] < 0.5,
        flip_y=augment.vertical_flip and u[7] < 0.5,
    )
    names = augment.custom
    custom = tuple(Custom(name, seed, epoch, index, names[:place].count(name)) for place, name in enumerate(names))
    if not beyond:
        return Drawn(warp, custom=custom)
    return Drawn(
        warp,
        brightness=_between(augment.brightness_range, u[8]),
        contrast=_between(augment.contrast_range, u[9]),
        saturation=_between(augment.saturation_range, u[10]),
        hue=augment.hue_range * _spread(u[11]),
        channel_shift=augment.channel_shift_range * _spread(u[12]),
        grey=u[13] < augment.greyscale,
        blur=_between(augment.blur_sigma, u[15]) if u[14] < augment.blur else 0.0,
        noise=augment.noise_range * u[16],
        noise_key=int(u[17] * 2**53) if augment.noise_range else 0,
        erased=_erased(augment, u[19:23]) if u[18] < augment.erasing else None,
        cut=Cut(augment.cutout, u[23], u[24]) if augment.cutout else None,
        operations=()
        if augment.policy == "none"
        else draw_operations(augment.policy, augment.num_ops, augment.magnitude, u[_POLICY:]),
        custom=custom,
    )


def _erased(augment: Augment, u: list[float]) -> Erased:
    narrow, wide = map(
        math.log, augment.erasing_ratio
    )  # symmetric in log space: n times as wide as high as often as the reverse
    return Erased(_between(augment.erasing_scale, u[0]), math.exp(_between((narrow, wide), u[1])), u[2], u[3])


def _spread(u: float) -> float:
    return 2 * u - 1  # -1..1


def _between(limits: tuple[float, float], u: float) -> float:
    return limits[0] + (limits[1] - limits[0]) * u
