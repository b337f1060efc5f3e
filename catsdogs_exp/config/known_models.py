"""Facts about networks that do not require building them: names, sizes, preprocessing. Does not import TensorFlow."""

from dataclasses import dataclass, replace
from typing import Any

import yaml
from hydra.core.config_store import ConfigStore

from catsdogs_exp.config import search_path
from catsdogs_exp.config.schema.models import MODELS
from catsdogs_exp.config.schema.transfer import KERAS_APPLICATIONS, LITES, OWN, TransferModel

COURSE = "Moroney, TensorFlow course, 2019"


@dataclass(frozen=True)
class About:
    """How a network preprocesses pixels, and where it comes from.

    Attributes:
        source: the paper or course.
        mean, std: a pixel p in 0..255 becomes (p - mean) / std inside the network; one number for all channels, or one
            per channel. None: as in the backbone's training.
    """

    source: str
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def values(self) -> str:
        """Returns the range of preprocessed pixels: `0..1`, or `as trained`."""
        if self.mean is None or self.std is None:
            return "as trained"
        low = min(-mean / std for mean, std in zip(self.mean, self.std, strict=True))
        high = max((255 - mean) / std for mean, std in zip(self.mean, self.std, strict=True))
        return f"{low + 0.0:.3g}..{high:.3g}"  # + 0.0 avoids -0


# By `model.name`. A test builds the networks that have figures here and verifies them.
ABOUT: dict[str, About] = {
    "cnn": About(COURSE, mean=(0.0,), std=(255.0,)),
    "transfer": About("keras.applications"),
    "course_f": About(f"{COURSE}; Szegedy et al., 2015"),
    **{lite: About("TensorFlow team, efficientnet/lite, 2020", mean=(127.0,), std=(128.0,)) for lite in LITES},
    "resnet": About("He et al., 2016", mean=(128.0,), std=(64.0,)),
    "mbconv": About("Sandler et al., 2018; Tan and Le, 2021", mean=(128.0,), std=(64.0,)),
}


@dataclass(frozen=True)
class KnownModel:
    """A choice of the group `model`, or a backbone for one of them.

    Attributes:
        name: its name.
        chosen_by: the settings that select it.
        description: one line.
        target_size: default height and width.
    """

    name: str
    chosen_by: tuple[str, ...]
    description: str
    target_size: tuple[int, int]


def known_models() -> list[KnownModel]:
    """Returns all choices: the files of `conf/model/`, described by the first line of their comment, and those of
    plugins.
    """
    usual = _usual_size()
    found = []
    for name in search_path.groups()["model"]:
        path = search_path.CONF / "model" / f"{name}.yaml"
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            description, own = _first_comment(text), yaml.safe_load(text)
        else:
            description = (MODELS[name].__doc__ or "").strip().partition("\n")[0]
            own = ConfigStore.instance().load(f"model/{name}.yaml").node
        size = _pair(own["target_size"]) if "target_size" in own else usual
        found.append(KnownModel(name, (f"model={name}",), description, size))
    return found


def known_backbones() -> list[KnownModel]:
    """Returns the backbones that `model=transfer` can use, except the user's own networks."""
    size = _usual_size()
    found = []
    for name in KERAS_APPLICATIONS:
        chosen_by = ("model=transfer", f"model.backbone={name}")
        description = f"From keras.applications, up to its last feature map: {' '.join(chosen_by)}"
        found.append(KnownModel(name, chosen_by, description, size))
    return found


def values_of(model: Any) -> str:
    """Returns the range of preprocessed pixels inside a network with these settings: `0..1`, or the setting's word."""
    if isinstance(model, TransferModel) and model.preprocessing != "auto":
        return model.preprocessing
    about = ABOUT.get(model.name)
    return about.values() if about else "-"


def without_weights(model: Any) -> Any:
    """Returns the settings with random weights instead of weights that would be downloaded."""
    if isinstance(model, TransferModel) and model.weights == "imagenet" and model.backbone != OWN:
        return replace(model, weights="none")
    return model


def _usual_size() -> tuple[int, int]:
    return _pair(yaml.safe_load((search_path.CONF / "config.yaml").read_text(encoding="utf-8"))["target_size"])


def _pair(size: Any) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    return int(height), int(width)


def _first_comment(text: str) -> str:
    lines = [line.lstrip("# ").strip() for line in text.splitlines() if line.startswith("#")]
    return next((line for line in lines if not line.startswith("@package")), "")
