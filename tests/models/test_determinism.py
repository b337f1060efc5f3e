"""Deterministic layers: every random layer of Keras is found, wherever it is."""

import keras
import numpy as np
import pytest
from keras import layers

from catsdogs_exp.models.batch_norm import FusedBatchNormalization
from catsdogs_exp.models.determinism import why_it_varies
from catsdogs_exp.models.freezing import freeze, unfreeze

ARGUMENTS = {
    "AlphaDropout": (0.5,), "Dropout": (0.5,), "GaussianDropout": (0.5,), "GaussianNoise": (0.5,),
    "SpatialDropout1D": (0.5,), "SpatialDropout2D": (0.5,), "SpatialDropout3D": (0.5,),
    "RandomBrightness": (0.2,), "RandomContrast": (0.2,), "RandomCrop": (4, 4), "RandomErasing": (),
    "RandomHue": (0.2,), "RandomPosterization": (4,), "RandomRotation": (0.2,), "RandomShear": (0.2,),
    "RandomTranslation": (0.2, 0.2), "RandomZoom": (0.2,), "RandomColorDegeneration": (0.2,),
    "RandomSaturation": (0.2,), "RandomSharpness": (0.2,),
}  # fmt: skip
RANDOM = sorted(
    {name for name in dir(layers) if name.startswith("Random") or name.endswith("Dropout")}
    | {"AugMix", "CutMix", "GaussianNoise", "MixUp", "RandAugment"} | set(ARGUMENTS)
)  # fmt: skip


@pytest.fixture(autouse=True)
def _names_begin_again() -> None:
    keras.backend.clear_session()


@pytest.mark.parametrize("name", [name for name in RANDOM if hasattr(layers, name)])
def test_every_random_layer_of_keras_is_found(name: str) -> None:
    layer = getattr(layers, name)(*ARGUMENTS.get(name, ()), name="it")
    assert why_it_varies(layer) == "it is random"
    inner = keras.Sequential([layers.Rescaling(1 / 255), keras.Sequential([layer], name="deeper")], name="outer")
    assert why_it_varies(inner) == "it in outer is random"


def test_dropout_that_drops_nothing_is_sure() -> None:
    assert why_it_varies(layers.Dropout(0)) == ""
    assert why_it_varies(layers.GaussianNoise(0)) == ""
    assert (
        why_it_varies(layers.TimeDistributed(layers.Dropout(0.5, name="it"), name="outer")) == "it in outer is random"
    )


def frozen(layer: keras.layers.Layer) -> keras.layers.Layer:
    layer.trainable = False
    return layer


@keras.saving.register_keras_serializable("tests")
class Noise(keras.layers.Layer):
    """Draws without a SeedGenerator."""

    def call(self, inputs):
        return inputs + keras.random.normal(keras.ops.shape(inputs))


def wobbly(x):
    return x + keras.random.normal(keras.ops.shape(x))


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lambda: Noise(name="it"), "it may be random: its code is unknown"),
        (lambda: keras.Sequential([Noise(name="it")], name="outer"), "it in outer may be random: its code is unknown"),
        (lambda: layers.Lambda(wobbly, name="it"), "it may be random: its code is unknown"),
        (lambda: layers.Activation(wobbly, name="it"), "it may be random: it calls an unknown function"),
        (
            lambda: frozen(layers.Conv2D(2, 3, activation=wobbly, name="it")),
            "it may be random: it calls an unknown function",
        ),
        (
            lambda: layers.Conv2D(2, 3, activation=layers.GaussianNoise(1, name="it"), name="outer"),
            "it in outer is ran",
        ),
        (lambda: frozen(layers.SpectralNormalization(layers.Conv2D(2, 3), name="it")), "it may be random: its code"),
    ],
)
def test_code_that_is_not_known_counts_as_random(layer, reason: str) -> None:
    assert reason in why_it_varies(layer())


@pytest.mark.parametrize(("dropout", "reason"), [(0, ""), (0.1, "dropout in outer is random")])
def test_attention_drops_where_it_is_told_to(dropout: float, reason: str) -> None:
    layer = layers.MultiHeadAttention(2, 4, dropout=dropout, name="outer")
    layer(*np.zeros((2, 1, 4, 4), np.float32))
    layer.trainable = False
    assert why_it_varies(layer) == reason


@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.Rescaling(1 / 255),
        lambda: layers.CenterCrop(4, 4),
        lambda: layers.Resizing(4, 4),
        lambda: layers.Normalization(mean=0.0, variance=1.0),
        lambda: layers.ReLU(6),
        lambda: layers.Activation("gelu"),
        layers.MaxPooling2D,
        layers.Flatten,
        layers.Add,
        FusedBatchNormalization,
        lambda: keras.Sequential([layers.Conv2D(2, 3, activation="relu"), layers.BatchNormalization()]),
    ],
)
def test_what_is_sure(layer) -> None:
    made = frozen(layer())
    image = np.zeros((1, 8, 8, 3), np.float32)
    made([image, image] if isinstance(made, layers.Add) else image)
    assert why_it_varies(made) == ""


def test_what_learns_is_found_in_a_network_within() -> None:
    inner = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 3, name="conv")], name="inner")
    inner.trainable = False
    assert why_it_varies(inner) == ""
    inner.get_layer("conv").trainable = True
    assert why_it_varies(inner) == "conv in inner learns"


def test_the_operations_of_keras_are_sure() -> None:
    x = keras.Input((8, 8, 3))
    model = keras.Model(x, keras.ops.flip(keras.ops.relu(x * 2 + 1), axis=-1))
    assert [why_it_varies(each) for each in model.operations] == [""] * len(model.operations)


def test_dropout_within_a_frozen_network_rests_and_comes_back() -> None:
    inner = keras.Sequential([layers.Conv2D(2, 3, name="conv"), layers.Dropout(0.5, name="drop")], name="inner")
    x = keras.Input((8, 8, 3))
    model = keras.Model(x, layers.Dense(1)(layers.Flatten(name="head_flatten")(inner(x))))
    freeze(model, "all")
    assert inner.get_layer("drop").rate == 0 and why_it_varies(inner) == ""
    unfreeze(model, "all")
    assert inner.get_layer("drop").rate == 0.5
    assert sorted(map(why_it_varies, inner.layers)) == ["conv learns", "drop is random"]
