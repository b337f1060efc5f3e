"""The course's network and its variants."""

from dataclasses import replace

import numpy as np
import pytest

from catsdogs_exp.config.checks.cnn_size_check import filters_of
from catsdogs_exp.errors import BadInput
from catsdogs_exp.models import build_model, head_for, register


def test_the_default_network_is_the_courses(config) -> None:
    model = build_model(config("depth=3", "target_size=150").model, (150, 150), 2)
    assert model.count_params() == 9_494_561  # docs/course.md, network A
    shapes = [layer.output.shape[1:] for layer in model.layers if "conv" in layer.name or "pool" in layer.name]
    assert shapes == [(148, 148, 16), (74, 74, 16), (72, 72, 32), (36, 36, 32), (34, 34, 64), (17, 17, 64)]


def test_preprocessing_is_inside(config) -> None:
    model = build_model(config("target_size=16", "depth=1").model, (16, 16), 2)
    rescale = model.get_layer("rescale")
    assert float(rescale(np.full((1, 16, 16, 3), 255, dtype=np.uint8))[0, 0, 0, 0]) == pytest.approx(1.0)


def test_filters_double_up_to_the_limit(config) -> None:
    settings = config("depth=5", "model.filters=8", "model.max_filters=32").model
    model = build_model(settings, (150, 150), 2)
    assert [layer.filters for layer in model.layers if "conv" in layer.name] == [8, 16, 32, 32, 32]


def test_batch_norm_and_dropout(config) -> None:
    settings = config("depth=2", "target_size=32", "model.batch_norm=true", "model.dropout=0.4").model
    names = [layer.name for layer in build_model(settings, (32, 32), 2).layers]
    assert [name for name in names if "norm" in name] == ["block1_norm", "block2_norm"]
    assert names.index("dropout") < names.index("dense")


@pytest.mark.parametrize(
    ("classes", "head", "units", "activation"),
    [(2, "auto", 1, "sigmoid"), (2, "softmax", 2, "softmax"), (3, "auto", 3, "softmax"), (26, "auto", 26, "softmax")],
)
def test_the_head_follows_from_the_classes(classes: int, head: str, units: int, activation: str) -> None:
    assert (head_for(classes, head).units, head_for(classes, head).activation) == (units, activation)


SHAPES = [
    ("model.padding=valid", "model.pooling=max"),
    ("model.padding=same", "model.pooling=average"),
    ("model.padding=valid", "model.pooling=strided"),
    ("model.padding=valid", "model.pooling=max", "model.convs=2"),
    ("model.padding=valid", "model.pooling=strided", "model.convs=2", "model.kernel_size=4"),
    ("model.padding=same", "model.pooling=max", "model.convs=2", "model.kernel_size=5"),
]


@pytest.mark.parametrize("target_size", [(9, 9), (31, 17), (64, 200)])
@pytest.mark.parametrize("words", SHAPES)
def test_the_largest_depth_builds_and_one_more_is_refused(
    config, target_size: tuple[int, int], words: tuple[str, ...]
) -> None:
    from catsdogs_exp.config.checks.cnn_size_check import largest_depth
    from catsdogs_exp.models.cnn import cnn

    height, width = target_size
    words = (f"target_size=[{height},{width}]", "model.filters=1", "model.growth=1", "model.dense=1", *words)
    shallow = config("depth=1", *words).model
    largest = largest_depth(shallow, target_size)
    assert build_model(config(f"depth={largest}", *words).model, target_size, 2).count_params() > 0
    with pytest.raises(BadInput, match=f"depth must be <= {largest} for"):
        config(f"depth={largest + 1}", *words)
    with pytest.raises(ValueError):  # so says Keras too
        cnn(replace(shallow, depth=largest + 1), (*target_size, 3), head_for(2, "auto"))


COURSE = [  # docs/course.md: its own size, classes, channels; parameters
    ("course_a", 150, 2, 3, 9_494_561),
    ("course_b", 150, 2, 3, 3_453_121),
    ("course_c", 300, 2, 3, 1_704_097),
    ("course_d", 150, 3, 3, 3_473_475),
    ("course_e", 28, 26, 1, 245_850),
]


@pytest.mark.parametrize(("name", "size", "classes", "channels", "parameters"), COURSE)
def test_the_courses_networks(config, name: str, size: int, classes: int, channels: int, parameters: int) -> None:
    made = config(f"model={name}")
    assert made.target_size == made.loader.target_size == (size, size)
    assert build_model(made.model, made.loader.target_size, classes, channels).count_params() == parameters


def test_the_courses_filters(config) -> None:
    filters = {name: filters_of(config(f"model={name}").model) for name, *_ in COURSE}
    assert filters == {
        "course_a": (16, 32, 64),
        "course_b": (32, 64, 128, 128),
        "course_c": (16, 32, 64, 64, 64),
        "course_d": (64, 64, 128, 128),
        "course_e": (64, 64),
    }
    listed = config("depth=4", "model.filters=[64,64,128,128]", "target_size=150").model
    assert filters_of(listed) == (64, 64, 128, 128)


def test_the_command_line_wins_over_a_presets_size_and_depth(config) -> None:
    made = config("model=course_c", "target_size=100", "depth=4")
    assert (made.loader.target_size, made.model.depth, made.depth) == ((100, 100), 4, 4)
    assert config("depth=2").target_size == (150, 150)  # cnn brings none of its own


def layers_of(config, *words: str):
    settings = config("depth=2", "target_size=32", "model.filters=4", *words).model
    return {layer.name: layer for layer in build_model(settings, (32, 32), 2).layers}


def test_convolutions_per_block_each_with_its_normalisation(config) -> None:
    names = list(layers_of(config, "model.convs=2", "model.batch_norm=true", "model.activation=silu"))
    assert names[2:9] == [
        *("block1_conv1", "block1_norm1", "block1_silu1"),
        *("block1_conv2", "block1_norm2", "block1_silu2"),
        "block1_pool",
    ]


def test_strides_instead_of_pooling(config) -> None:
    made = layers_of(config, "model.pooling=strided", "model.convs=2")
    assert not [name for name in made if "pool" in name]
    assert [layer.strides for name, layer in made.items() if "conv" in name] == [(1, 1), (2, 2)] * 2


@pytest.mark.parametrize(("pooling", "value"), [("max", 4.0), ("average", 2.5)])
def test_pooling(config, pooling: str, value: float) -> None:
    pool = layers_of(config, f"model.pooling={pooling}")["block1_pool"]
    assert float(np.asarray(pool(np.array([1.0, 2, 3, 4]).reshape(1, 2, 2, 1)))[0, 0, 0, 0]) == value


@pytest.mark.parametrize(("flatten", "values"), [("flatten", 6 * 6 * 8), ("average", 8), ("max", 8)])
def test_flatten_or_global_pooling(config, flatten: str, values: int) -> None:
    assert layers_of(config, f"model.flatten={flatten}")["flatten"].output.shape == (None, values)


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "elu", "leaky_relu", "tanh"])
def test_activation_of_convolutions_and_dense_layers(config, activation: str) -> None:
    made = layers_of(config, f"model.activation={activation}", "model.dense=[8,4]")
    names = ("block1_conv", "block2_conv", "dense1", "dense2")
    assert {made[name].activation.__name__ for name in names} == {activation}


def test_dropout_after_blocks_and_dense_layers_as_listed(config) -> None:
    made = layers_of(config, "model.block_dropout=0.1", "model.dropout=0.4", "model.dense=[]")
    assert [(name, layer.rate) for name, layer in made.items() if "dropout" in name] == [
        ("block1_dropout", 0.1),
        ("block2_dropout", 0.1),
        ("dropout", 0.4),
    ]
    assert not [name for name in made if "dense" in name]


def test_l2_is_the_sum_of_all_squared_kernels(config) -> None:
    settings = config("depth=1", "target_size=16", "model.filters=4", "model.l2=0.01").model
    model = build_model(settings, (16, 16), 2)
    kernels = [np.asarray(weight) for weight in model.weights if weight.name == "kernel"]
    expected = 0.01 * sum(float((kernel**2).sum()) for kernel in kernels)
    assert len(kernels) == 3 and float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)


def test_a_name_is_entered_once() -> None:
    with pytest.raises(ValueError, match=r"A model named 'cnn' is already registered by catsdogs_exp.models.cnn"):
        register("cnn")(lambda *_: None)
