"""Settings of `model=transfer`: a pretrained backbone with a new head. Does not import TensorFlow."""

from dataclasses import dataclass
from pathlib import Path

from catsdogs_exp.config.schema.limits import setting
from catsdogs_exp.errors import BadInput, did_you_mean
from catsdogs_exp.platforms import expanded

OWN = "own"
LITES = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
# The functions of keras.applications and the smallest input side they accept, verified by a test.
KERAS_APPLICATIONS = {
    "ConvNeXtBase": 32,
    "ConvNeXtLarge": 32,
    "ConvNeXtSmall": 32,
    "ConvNeXtTiny": 32,
    "ConvNeXtXLarge": 32,
    "DenseNet121": 32,
    "DenseNet169": 32,
    "DenseNet201": 32,
    "EfficientNetB0": 32,
    "EfficientNetB1": 32,
    "EfficientNetB2": 32,
    "EfficientNetB3": 32,
    "EfficientNetB4": 32,
    "EfficientNetB5": 32,
    "EfficientNetB6": 32,
    "EfficientNetB7": 32,
    "EfficientNetV2B0": 32,
    "EfficientNetV2B1": 32,
    "EfficientNetV2B2": 32,
    "EfficientNetV2B3": 32,
    "EfficientNetV2L": 32,
    "EfficientNetV2M": 32,
    "EfficientNetV2S": 32,
    "InceptionResNetV2": 75,
    "InceptionV3": 75,
    "MobileNet": 32,
    "MobileNetV2": 32,
    "MobileNetV3Large": 32,
    "MobileNetV3Small": 32,
    "NASNetLarge": 32,
    "NASNetMobile": 32,
    "ResNet101": 32,
    "ResNet101V2": 32,
    "ResNet152": 32,
    "ResNet152V2": 32,
    "ResNet50": 32,
    "ResNet50V2": 32,
    "VGG16": 32,
    "VGG19": 32,
    "Xception": 71,
}
BACKBONES = (*LITES, OWN, *KERAS_APPLICATIONS)
RANGES = ("auto", "none", "unit", "symmetric", "caffe", "torch")


@dataclass(frozen=True)
class TransferModel:
    """A backbone with an optional cut and freezing, and a new head."""

    name: str
    backbone: str = setting("the backbone network", choices=BACKBONES)
    weights: str = setting("imagenet, none, a weights file, or a run")
    cut: str | None = setting("the layer to cut at; null: the last feature map")
    preprocessing: str = setting("input range of the backbone", choices=RANGES)
    pooling: str = setting("pooling of the feature map", choices=("average", "max", "flatten"))
    dense: tuple[int, ...] = setting("widths of dense layers before the last one", at_least=1, at_most=65536)
    activation: str = setting("activation of the dense layers", choices=("relu", "gelu", "silu", "elu", "selu", "tanh"))
    dropout: float = setting("dropout rate before the last layer", at_least=0, below=1)
    freeze: str = setting("all, none, a number of the lowest layers, or a layer and everything below it")
    freeze_batch_norm: bool = setting("keep the statistics of batch normalisation even where the rest is trained")
    head: str = setting("the last layer", choices=("auto", "softmax"))


def check_transfer(model: TransferModel, target_size: tuple[int, int], channels: int = 3) -> None:
    """Rejects settings that cannot become a network, as far as can be told from files and arithmetic.

    Raises:
        BadInput: naming the setting and the next step.
    """
    smallest = KERAS_APPLICATIONS.get(model.backbone, 1)
    if min(target_size) < smallest:
        height, width = target_size
        raise BadInput(
            f"target_size must be >= {smallest} for model.backbone={model.backbone}. "
            f"Received: target_size=[{height},{width}]"
        )
    if model.weights in ("imagenet", "none"):
        if model.backbone == OWN:
            raise BadInput(
                "model.weights must name a run, or its checkpoints/best.keras, for model.backbone=own. "
                f"Received: model.weights={model.weights}"
            )
    else:
        _check_file(model)
    if model.backbone == OWN and model.preprocessing != "auto":
        raise BadInput(
            "model.preprocessing must be auto for model.backbone=own, which contains its own preprocessing. "
            f"Received: model.preprocessing={model.preprocessing}"
        )
    if model.backbone in LITES and model.preprocessing != "auto":
        raise BadInput(
            f"model.preprocessing must be auto for model.backbone={model.backbone}, which contains its own "
            "preprocessing. "
            f"Received: model.preprocessing={model.preprocessing}"
        )
    if channels not in (1, 3):
        raise BadInput(f"dataset.channels must be 3 or 1 for model.name={model.name}. Received: {channels}")


def weights_file(weights: str) -> Path:
    """Returns the file that `model.weights` names: the path itself, or the best network in that run folder."""
    path = expanded(weights)
    return path / "checkpoints" / "best.keras" if path.is_dir() else path


def _check_file(model: TransferModel) -> None:
    received = f"Received: model.weights={model.weights}"
    try:
        path = weights_file(model.weights)
        is_there = path.is_file()
    except OSError as error:
        raise BadInput(f"model.weights cannot be read: {error.strerror}. {received}") from error
    if not is_there:
        if path.name == "best.keras" and expanded(model.weights).is_dir():
            raise BadInput(f"model.weights must name a run with a checkpoints/best.keras. {received}")
        guess = did_you_mean(model.weights, ("imagenet", "none"))
        raise BadInput(
            f"model.weights must be imagenet, none, or an existing .keras or .h5 file, or a run. {received}.{guess}"
        )
    if path.suffix not in (".keras", ".h5"):
        raise BadInput(f"model.weights must be imagenet, none, or a .keras or .h5 file, or a run. {received}")
    if model.backbone == OWN and path.suffix != ".keras":
        raise BadInput(
            "model.weights must be a .keras file or a run for model.backbone=own: an .h5 file contains no network. "
            f"{received}. Name the network that it belongs to: model.backbone=InceptionV3"
        )
    if model.backbone in LITES and path.suffix == ".h5":
        raise BadInput(
            f"model.weights must be imagenet, none, a .keras file or a run for model.backbone={model.backbone}. "
            f"{received}"
        )
