"""Facts about networks that need no building: names, sizes, preprocessing. Needs no TensorFlow."""

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
    """What a builder makes of pixels, and where its network comes from.

    Attributes:
        source: the paper or course.
        mean, std: inside the network a pixel p, 0..255, becomes (p - mean) / std; one number for all channels, or
            one each. None: as those who trained the backbone had it.
    """

    source: str
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def values(self) -> str:
        """What pixels become: `0..1`, or `as trained`."""
        if self.mean is None or self.std is None:
            return "as trained"
        low = min(-mean / std for mean, std in zip(self.mean, self.std, strict=True))
        high = max((255 - mean) / std for mean, std in zip(self.mean, self.std, strict=True))
        return f"{low + 0.0:.3g}..{high:.3g}"  # + 0.0: no -0


# By `model.name`. A test builds those with figures and looks whether they are true.
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
    """A choice of the group `model`, or a backbone that one of them can be given.

    Attributes:
        name: what it is called.
        chosen_by: the settings that choose it.
        description: one line.
        target_size: height and width that it is used at unless the user says otherwise.
    """

    name: str
    chosen_by: tuple[str, ...]
    description: str
    target_size: tuple[int, int]


def known_models() -> list[KnownModel]:
    """All choices: the files of `conf/model/` with the first line of their comment, and those of loaded plugins."""
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
    """What `model=transfer` can stand on, but for networks of one's own."""
    size = _usual_size()
    found = []
    for name in KERAS_APPLICATIONS:
        chosen_by = ("model=transfer", f"model.backbone={name}")
        description = f"Of keras.applications, up to its last feature map: {' '.join(chosen_by)}"
        found.append(KnownModel(name, chosen_by, description, size))
    return found


def values_of(model: Any) -> str:
    """What pixels, 0..255, become inside a network of these settings: `0..1`, or the word that the settings have."""
    if isinstance(model, TransferModel) and model.preprocessing != "auto":
        return model.preprocessing
    about = ABOUT.get(model.name)
    return about.values() if about else "-"


def without_weights(model: Any) -> Any:
    """The same network, with random weights where it would fetch some."""
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
