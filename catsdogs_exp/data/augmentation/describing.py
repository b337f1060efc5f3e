"""Describes the sampled parameters in the units of the settings."""

from catsdogs_exp.config.schema import Augment
from catsdogs_exp.data.augmentation.detail import Cut, Erased
from catsdogs_exp.data.augmentation.mixing import Mix
from catsdogs_exp.data.augmentation.policies import Operation
from catsdogs_exp.data.augmentation.sampling import OFF, Drawn


def describe(drawn: Drawn, augment: Augment) -> dict[str, str]:
    """Formats the changes to an image, such as `{"rotation": "31.2°", "zoom": "0.93 x 1.12"}`, for enabled settings
    only.

    Pairs are height x width. Rotations are counterclockwise.
    """
    warp = drawn.warp
    lines = {
        "rotation": (augment.rotation_range > 0, _number(warp.rotation, 1, "°")),
        "shift": (augment.width_shift_range > 0 or augment.height_shift_range > 0, _shift(warp.shift_y, warp.shift_x)),
        "shear": (augment.shear_range > 0, _number(warp.shear, 2, "°")),
        "zoom": (augment.zoom_range != OFF, f"{warp.zoom_y:.2f} x {warp.zoom_x:.2f}"),
        "flip": (augment.horizontal_flip or augment.vertical_flip, _flips(warp.flip_x, warp.flip_y)),
        "channel shift": (augment.channel_shift_range > 0, _number(drawn.channel_shift, 1)),
        "brightness": (augment.brightness_range != OFF, f"{drawn.brightness:.2f}"),
        "contrast": (augment.contrast_range != OFF, f"{drawn.contrast:.2f}"),
        "saturation": (augment.saturation_range != OFF, f"{drawn.saturation:.2f}"),
        "hue": (augment.hue_range > 0, _number(drawn.hue, 1, "°")),
        "grey": (augment.greyscale > 0, "yes" if drawn.grey else "no"),
        "policy": (augment.policy != "none", ", ".join(map(_operation, drawn.operations))),
        "blur": (augment.blur > 0, f"{drawn.blur:.1f} px" if drawn.blur else "none"),
        "noise": (augment.noise_range > 0, f"{drawn.noise:.1f}"),
        "erased": (augment.erasing > 0, _erased(drawn.erased)),
        "cutout": (augment.cutout > 0, _cut(drawn.cut)),
        "custom": (bool(augment.custom), ", ".join(own.name for own in drawn.custom)),
    }
    return {name: text for name, (on, text) in lines.items() if on}


def describe_mix(mix: Mix) -> dict[str, str]:
    """Formats how an image is mixed: `{"mixup": "0.31 of image 12"}`, with the partner's index."""
    return {"mixup" if mix.box is None else "cutmix": f"{mix.share:.2f} of image {mix.partner}"}


def _number(value: float, places: int, unit: str = "") -> str:
    return f"{round(value, places) + 0.0:.{places}f}{unit}"  # + 0.0 avoids -0.0


def _shift(y: float, x: float) -> str:
    return f"{abs(y):.2f} {'up' if y > 0 else 'down'}, {abs(x):.2f} {'left' if x > 0 else 'right'}"


def _flips(x: bool, y: bool) -> str:
    return ", ".join(word for word, on in (("left-right", x), ("up-down", y)) if on) or "none"


def _erased(erased: Erased | None) -> str:
    return "none" if erased is None else f"{erased.area:.2f} of it, {erased.ratio:.2f} : 1"


def _cut(cut: Cut | None) -> str:
    return "none" if cut is None else f"at {cut.y:.2f}, {cut.x:.2f}"


def _operation(done: Operation) -> str:
    name = done.name.replace("_", " ")
    if done.name in ("identity", "autocontrast", "equalize"):
        return name
    if done.name == "rotate":
        return f"{name} {done.value:.0f}°"
    return f"{name} {done.value:.0f}" if done.name in ("posterize", "solarize") else f"{name} {done.value:.2f}"
