"""The course's network and its relatives."""

import numpy as np
import pytest

from catsdogs_exp.errors import BadInput
from catsdogs_exp.models import build_model, head_for, register


def test_the_default_network_is_the_courses(config) -> None:
    model = build_model(config("depth=3", "target_size=150").model, (150, 150), 2)
    assert model.count_params() == 9_494_561  # COURSE 1.2, network A
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


@pytest.mark.parametrize("target_size", [(4, 4), (31, 17), (150, 150), (64, 200)])
def test_the_largest_depth_builds_and_one_more_is_refused(config, target_size: tuple[int, int]) -> None:
    from catsdogs_exp.config.model_fit import largest_depth

    height, width = target_size
    largest = largest_depth(3, target_size)
    words = f"target_size=[{height},{width}]", "model.filters=1", "model.dense=1"
    assert build_model(config(f"depth={largest}", *words).model, target_size, 2).count_params() > 0
    with pytest.raises(BadInput, match=f"depth must be <= {largest} for"):
        config(f"depth={largest + 1}", *words)


def test_a_name_is_entered_once() -> None:
    with pytest.raises(ValueError, match=r"A model named 'cnn' is registered already, by catsdogs_exp.models.cnn"):
        register("cnn")(lambda *_: None)
