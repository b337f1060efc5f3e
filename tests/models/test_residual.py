"""Networks of residual blocks: resnet and mbconv."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from catsdogs_exp.errors import BadInput
from catsdogs_exp.models import build_model
from catsdogs_exp.models.batch_norm import FusedBatchNormalization
from catsdogs_exp.training.checkpoint.card import ModelCard
from catsdogs_exp.training.checkpoint.model_file import load_model, save_model
from catsdogs_exp.training.precision import building_in

SMALL = ("target_size=24", "depth=2", "model.blocks=2", "model.filters=8")
NAMES = ("resnet", "mbconv")


def built(config, *words: str, classes: int = 2) -> keras.Model:
    made = config(*words)
    return build_model(made.model, made.loader.target_size, classes, made.loader.channels)


def pictures(count: int = 4, side: int = 24) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("words", "parameters"),
    [
        # Kernels of 18 layers, 11,166,912 as in every ResNet-18; normalisation of 3,968 channels, 4 numbers each; 513
        (("model=resnet", "depth=4", "model.filters=64", "model.stem=pooled"), 11_166_912 + 4 * 3_968 + 513),
        (("model=resnet", "depth=4", "model.blocks=[1,2,2,2]"), 2_779_617),
        (
            ("model=mbconv", "depth=3", "model.blocks=[1,1,1]", "model.filters=16", "model.fused=0"),
            432 + 3_200 + 4_928 + 17_024 + 256 + 65,
        ),
    ],
)
def test_parameter_counts(config, words: tuple[str, ...], parameters: int) -> None:
    assert built(config, "target_size=64", *words).count_params() == parameters


def test_resnet_18_has_the_papers_shapes(config) -> None:
    model = built(config, "model=resnet", "depth=4", "model.filters=64", "model.stem=pooled", "target_size=224")
    shapes = [model.get_layer(f"stage{stage}_block2_add").output.shape[1:] for stage in (1, 2, 3, 4)]
    assert shapes == [(56, 56, 64), (28, 28, 128), (14, 14, 256), (7, 7, 512)]
    kernels = [
        layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D) and layer.kernel_size != (1, 1)
    ]
    assert len(kernels) + 1 == 18


@pytest.mark.parametrize(("stem", "side"), [("plain", 32), ("strided", 16), ("deep", 8), ("pooled", 8)])
def test_stems(config, stem: str, side: int) -> None:
    model = built(config, "model=resnet", "depth=2", "target_size=32", f"model.stem={stem}", "model.blocks=1")
    assert model.get_layer("stage1_block1_add").output.shape[1:3] == (side, side)
    assert model.get_layer("stage2_block1_add").output.shape[1:3] == (side // 2, side // 2)


def test_each_stage_as_listed(config) -> None:
    model = built(config, "model=mbconv", "depth=3", "model.blocks=[1,3,2]", "model.filters=[8,24,16]")
    added = [layer for layer in model.layers if layer.name.endswith("_add")]
    assert [layer.output.shape[-1] for layer in added] == [8, 24, 24, 24, 16, 16]


def test_fused_stages_come_first(config) -> None:
    model = built(config, "model=mbconv", "depth=3", "model.fused=1", "model.blocks=1", "model.filters=8")
    kinds = [type(model.get_layer(f"stage{stage}_block1_conv")).__name__ for stage in (1, 2, 3)]
    assert kinds == ["Conv2D", "DepthwiseConv2D", "DepthwiseConv2D"]
    assert model.get_layer("stage1_block1_conv").output.shape[-1] == 4 * 8


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("norm", ["batch", "group", "layer"])
def test_the_gradient_reaches_all_weights(config, name: str, norm: str) -> None:
    words = (f"model={name}", f"model.norm={norm}", "model.squeeze=0.25", "model.fused=1")
    model = built(config, *SMALL, *(words if name == "mbconv" else words[:-1]))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.math.log(model(pictures(16), training=True)))
    for weight, gradient in zip(model.trainable_weights, tape.gradient(loss, model.trainable_weights), strict=True):
        assert gradient is not None and float(tf.reduce_max(tf.abs(gradient))) > 0, weight.path


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_network_answers_alike(config, name: str, tmp_path: Path) -> None:
    made = config(f"model={name}", *SMALL, "model.stochastic_depth=0.5", "model.squeeze=0.25", "model.dropout=0.2")
    model = build_model(made.model, (24, 24), 3)
    model(pictures(), training=True)  # moves the statistics
    expected = model.predict_on_batch(pictures())
    save_model(model, ModelCard.of(made.loader, ("a", "b", "c")), tmp_path / "best.keras")
    loaded, card = load_model(tmp_path / "best.keras")
    np.testing.assert_array_equal(loaded.predict_on_batch(pictures()), expected)
    assert card.classes == ("a", "b", "c") and expected.shape == (4, 3)


@pytest.mark.slow
def test_a_saved_network_loads_in_a_program_that_built_none(config, tmp_path: Path) -> None:
    """The layer of our own must be known to Keras before the file is read."""
    import subprocess
    import sys

    made = config("model=resnet", *SMALL)
    path = tmp_path / "best.keras"
    save_model(build_model(made.model, (24, 24), 2), ModelCard.of(made.loader, ("a", "b")), path)
    program = (
        "import sys; from pathlib import Path; from catsdogs_exp.training.checkpoint.model_file import load_model; "
        "print(load_model(Path(sys.argv[1]))[0].count_params())"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, str(built(config, "model=resnet", *SMALL).count_params()))


@pytest.mark.parametrize("name", NAMES)
def test_weights_of_one_size_work_at_another(config, name: str) -> None:
    keras.utils.set_random_seed(0)
    small = built(config, f"model={name}", *SMALL)
    large = built(config, f"model={name}", *SMALL[1:], "target_size=[40,56]")
    large.set_weights(small.get_weights())
    flat = np.full((1, 24, 24, 3), 200, dtype=np.uint8)
    answer = large.predict_on_batch(np.full((1, 40, 56, 3), 200, dtype=np.uint8))
    assert answer.shape == (1, 1) and abs(float(answer[0, 0]) - float(small.predict_on_batch(flat)[0, 0])) < 0.2


@pytest.mark.parametrize("name", NAMES)
def test_stochastic_depth_leaves_out_whole_branches_in_training_alone(config, name: str) -> None:
    words = (f"model={name}", *SMALL)
    model = built(config, *words, "model.stochastic_depth=0.9")
    plain = built(config, *words)
    for layer in plain.layers:
        layer.set_weights(model.get_layer(layer.name).get_weights())
    np.testing.assert_array_equal(model.predict_on_batch(pictures()), plain.predict_on_batch(pictures()))
    layers = [layer for layer in model.layers if layer.name.endswith("_depth")]
    assert [layer.rate for layer in layers] == pytest.approx([0.9 / 4, 0.9 / 2, 0.9 * 3 / 4, 0.9])
    dropped = np.asarray(layers[1](np.ones((400, 3, 3, 2), np.float32), training=True)).reshape(400, -1)
    assert ((dropped == 0).all(axis=1) | np.isclose(dropped, 1 / 0.55).all(axis=1)).all()
    assert 0.35 < (dropped == 0).mean() < 0.55


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_the_same_network_and_the_same_steps(config, name: str) -> None:
    def trained(seed: int) -> np.ndarray:
        keras.utils.set_random_seed(seed)
        model = built(config, f"model={name}", *SMALL, "model.stochastic_depth=0.5", "model.dropout=0.5")
        model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy")
        for _ in range(3):
            model.train_on_batch(pictures(), np.array([0, 1, 1, 0]))
        return model.predict_on_batch(pictures())

    first, again, other = trained(1), trained(1), trained(2)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_probabilities_are_float32_in_mixed_precision(config, name: str, policy: str) -> None:
    plain = built(config, f"model={name}", *SMALL, "model.squeeze=0.25")
    with building_in(policy):
        rough = built(config, f"model={name}", *SMALL, "model.squeeze=0.25")
    rough.set_weights(plain.get_weights())
    assert rough.get_layer("stage2_block1_add").output.dtype == policy.removeprefix("mixed_")
    answers = rough.predict_on_batch(pictures())
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, plain.predict_on_batch(pictures()), atol=0.02)


def test_grey_pictures_and_more_classes(config) -> None:
    model = build_model(config("model=resnet", *SMALL).model, (24, 24), 7, channels=1)
    answers = model.predict_on_batch(np.zeros((2, 24, 24, 1), np.uint8))
    assert answers.shape == (2, 7) and answers.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_fused_batch_normalisation_is_kerass(policy: str) -> None:
    x = np.random.default_rng(1).normal(3, 2, (8, 5, 6, 4)).astype(np.float32)
    with building_in(policy):
        ours, theirs = (kind(momentum=0.9) for kind in (FusedBatchNormalization, keras.layers.BatchNormalization))
        for layer in (ours, theirs):
            layer.build(x.shape)
            layer.gamma.assign([1.001, 2, 3, 4])  # 1.001 is no bfloat16
    close = {"atol": 1e-5} if policy == "float32" else {"atol": 0.05}
    np.testing.assert_allclose(_values(ours(x, training=True)), _values(theirs(x, training=True)), **close)
    np.testing.assert_allclose(ours.moving_mean, theirs.moving_mean, rtol=0.01)
    sample = 8 * 5 * 6 / (8 * 5 * 6 - 1)
    moved = 0.9 + sample * (np.asarray(theirs.moving_variance) - 0.9)
    np.testing.assert_allclose(ours.moving_variance, moved, rtol=1e-4 if policy == "float32" else 0.02)
    theirs.moving_variance.assign(ours.moving_variance)
    theirs.moving_mean.assign(ours.moving_mean)
    np.testing.assert_allclose(_values(ours(x, training=False)), _values(theirs(x, training=False)), **close)
    before = np.asarray(ours.moving_mean)
    ours.trainable = False
    ours(x, training=True)
    np.testing.assert_array_equal(ours.moving_mean, before)  # a frozen one keeps its statistics


def _values(tensor: Any) -> np.ndarray:
    return np.asarray(tf.cast(tensor, tf.float32))


REFUSED = [
    (("model.blocks=[1,2,3]",), "model.blocks must be one number or one for each of the depth=2 stages. "
     "Received: model.blocks=[1,2,3]. Set depth=3"),
    (("model.filters=[]",), "model.filters must be one number or one for each of the depth=2 stages. "
     "Received: model.filters=[]."),
    (("depth=7", "target_size=[64,80]"), "depth must be <= 6 for target_size=[64,80] model.stem=strided: each stage "
     "halves the image. Received: depth=7. Lower depth or raise target_size"),
    (("depth=6", "target_size=64", "model.filters=200"), "model.filters, doubled from stage to stage, must be <= 4096 "
     "in the last stage. Received: model.filters=200 depth=6, which gives 6400. Lower one of them, or list "
     "the filters"),
    (("model.filters=4",), "model.filters must be a list, such as [] or [512,128], or a single number, each a whole "
     "number >= 8 and <= 4096. Received: model.filters=4"),
    (("model.stem=pool",), "model.stem must be one of plain, strided, deep, pooled. Received: model.stem=pool. "
     "Did you mean pooled?"),
    (("model.stochastic_depth=1",), "model.stochastic_depth must be >= 0 and < 1. Received: model.stochastic_depth=1"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "message"), REFUSED)
def test_settings_that_make_no_network(config, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(BadInput) as caught:
        config("model=resnet", *(() if any("depth=" in word for word in words[:1]) else ("depth=2",)), *words)
    assert str(caught.value) == message


@pytest.mark.parametrize("stem", ["plain", "strided", "deep", "pooled"])
@pytest.mark.parametrize("side", [1, 5, 33, 96])
def test_the_largest_depth_leaves_a_pixel(config, stem: str, side: int) -> None:
    words = ("model=resnet", f"target_size={side}", f"model.stem={stem}", "model.filters=[8]")
    with pytest.raises(BadInput, match="depth must be <= ") as caught:
        config(*words, "depth=9")
    depth = int(str(caught.value).split("<= ")[1].split()[0])
    model = built(config, *words, f"depth={depth}", "model.blocks=1")
    assert model.get_layer(f"stage{depth}_block1_add").output.shape[1:3] == (1, 1)
