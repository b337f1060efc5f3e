"""Cached features: the head learns the same from them as within the whole network."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from catsdogs_exp.__main__ import main
from catsdogs_exp.cli.cache import main as cache_main
from catsdogs_exp.config.schema.models import Model
from catsdogs_exp.data.loaders import Loader, make_loader
from catsdogs_exp.data.manifest import Manifest
from catsdogs_exp.data.open_data import manifest_of, open_images
from catsdogs_exp.data.prefetch import batches
from catsdogs_exp.data.sources.listing import TRAIN, VALIDATION
from catsdogs_exp.insight.penultimate import features_of
from catsdogs_exp.models import build_model
from catsdogs_exp.models.freezing import freeze, unfreeze
from catsdogs_exp.training import features as features_module
from catsdogs_exp.training.checkpoint.card import ModelCard
from catsdogs_exp.training.checkpoint.model_file import load_model, save_model
from catsdogs_exp.training.distribution.distribution import Distribution
from catsdogs_exp.training.features import FeatureLoader, FeatureSource, prepare_features, split_network
from catsdogs_exp.training.fit import evaluate
from catsdogs_exp.training.optim.fused import FusedAdam
from catsdogs_exp.training.steps import Steps, StepSettings

WORDS = (
    "model=transfer",
    "model.backbone=MobileNetV2",
    "model.weights=none",
    "model.cut=block_3_expand_relu",
    "model.dense=[6]",
    "target_size=32",
    "batch_size=5",
    "loader.cache=memory",
)


@pytest.fixture
def photos(photo_folder: Callable[..., Path]) -> Path:
    return photo_folder({"cats": 11, "dogs": 11}, size=(32, 32))


def opened(config, photos: Path, *words: str) -> tuple[Manifest, Loader, Loader]:
    made = config(*WORDS, *words)
    manifest = manifest_of(photos, made)
    data = open_images(manifest, made)
    return manifest, make_loader(made, data, TRAIN), make_loader(made, data, VALIDATION)


@lru_cache
def built(model: Model) -> keras.Model:
    keras.utils.set_random_seed(7)
    return build_model(model, (32, 32), 2)


def network(config, *words: str) -> keras.Model:
    """A copy of the network of these words, the same each time: to build its backbone takes four times as long."""
    whole = built(config(*WORDS, *words).model)
    keras.utils.set_random_seed(7)
    copy = keras.models.clone_model(whole)
    copy.set_weights(whole.get_weights())
    return copy


def prepared(config, photos: Path, model: keras.Model, *words: str):
    manifest, train, validation = opened(config, photos, *words)
    return prepare_features(model, FeatureSource(train, validation, manifest, config(*WORDS, *words).loader))


def train_on(model: keras.Model, loader, epochs: int = 2) -> None:
    optimizer = FusedAdam(0.01)
    inputs = tf.float32 if isinstance(loader, FeatureLoader) else tf.uint8
    steps = Steps(model, optimizer, settings=StepSettings(inputs))
    for batch in batches(loader, range(epochs * loader.steps)):
        steps.train(*batch)


@pytest.mark.parametrize("pooling", ["average", "flatten"])
@pytest.mark.parametrize("dropout", [pytest.param(0, marks=pytest.mark.slow), 0.5])
def test_the_head_learns_the_same(config, photos: Path, tmp_path: Path, pooling: str, dropout: float) -> None:
    words = (f"model.pooling={pooling}", f"model.dropout={dropout}")
    _, train, validation = opened(config, photos)
    whole = network(config, *words)
    train_on(whole, train)
    split = network(config, *words)
    features, said = prepared(config, photos, split)
    values = 144 if pooling == "average" else 8 * 8 * 144
    assert said == (
        f"features of 22 images computed once (cut at block_3_expand_relu, {values:,} values each): "
        "training the head alone"
    )
    before = split.get_layer("probability").get_weights()[0].copy()
    train_on(features.head, features.train)
    for ours, theirs in zip(split.weights, whole.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5, err_msg=ours.path)
    assert np.abs(split.get_layer("probability").get_weights()[0] - before).max() > 0.01

    card = ModelCard.of(config(*WORDS).loader, ("cats", "dogs"))
    save_model(split, card, tmp_path / "best.keras")
    loaded, _ = load_model(tmp_path / "best.keras")
    images = train.fetch(train.rows)
    np.testing.assert_allclose(loaded(images, training=False), whole(images, training=False), atol=1e-5)
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in whole.layers]
    ours, _ = evaluate(Steps(features.head, settings=StepSettings(inputs=tf.float32)), features.validation)
    assert ours == pytest.approx(evaluate(Steps(loaded), validation)[0], abs=1e-5)


@pytest.mark.parametrize("dense", ["[]", "[8]"])
def test_what_a_head_knows_just_before_it_decides_is_what_the_whole_network_knows(config, photos: Path, dense) -> None:
    model = network(config, f"model.dense={dense}")
    _, train, _ = opened(config, photos)
    split = split_network(model)
    images = train.fetch(train.rows)
    values = np.asarray(split.body(images))
    ours, theirs = features_of(split.head, [values], np.float32), features_of(model, [images])
    assert ours.shape == (len(images), 8 if dense == "[8]" else 144)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_batches_are_those_of_the_images(config, photos: Path) -> None:
    model = network(config)
    _, train, _ = opened(config, photos)
    features, _ = prepared(config, photos, model)
    body = split_network(model).body
    loader = features.train
    assert (loader.steps, loader.batch_size) == (train.steps, train.batch_size)
    later = range(2, 2 * loader.steps)
    for (values, labels), (images, same) in zip(batches(loader, later), batches(train, later), strict=True):
        np.testing.assert_array_equal(labels, same)
        np.testing.assert_allclose(values, body(images), atol=1e-5)


def test_workers_have_a_part_of_each_batch(config, photos: Path) -> None:
    features, _ = prepared(config, photos, network(config))
    halves = [replace(features.train, pixels=replace(features.train.pixels, shard=(index, 2))) for index in range(2)]
    for whole, *parts in zip(*map(batches, (features.train, *halves)), strict=True):
        for place, expected in enumerate(whole):
            np.testing.assert_array_equal(np.concatenate([part[place] for part in parts]), expected)


class Crowded(Distribution):
    """Two workers, of which the other has no room."""

    workers = 2

    def all_workers(self, value: bool) -> bool:
        assert value  # this one has
        return False


def test_no_worker_trains_the_head_alone_when_one_has_no_room(config, photos: Path) -> None:
    manifest, train, validation = opened(config, photos)
    model = network(config)
    source = FeatureSource(train, validation, manifest, config(*WORDS).loader)
    found, why = prepare_features(model, source, distribution=Crowded())
    assert found is None
    assert why.startswith("features are not cached: there is no room for their ")
    assert why.endswith("GiB on every worker, so each step runs the whole network")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("augment=flip",), "augmentation changes the images"),
        (("augment.mixup=0.2",), "augmentation changes the images"),
        (("model.freeze=none",), "Conv1 learns"),
        (("model.freeze=expanded_conv_project",), "block_1_expand learns"),
    ],
)
def test_where_it_would_not_be_the_same_a_sentence_says_why(config, photos: Path, words, reason: str) -> None:
    features, said = prepared(config, photos, network(config, *words), *words)
    assert features is None
    assert said == f"features are not cached: {reason}, so each step runs the whole network"


def test_random_crops_are_no_ground_for_features(config, photos: Path) -> None:
    manifest, train, validation = opened(config, photos)
    cropped = replace(train, cut=lambda image, row, u: image)
    features, said = prepare_features(
        network(config), FeatureSource(cropped, validation, manifest, config(*WORDS).loader)
    )
    assert features is None
    assert "random crops change the images" in said


def test_dropout_below_the_cut_counts_only_where_it_is_at_work(config) -> None:
    words = ("model.backbone=EfficientNetB0", "model.cut=block3b_add")
    model = build_model(config(*WORDS, *words).model, (32, 32), 2)
    assert split_network(model).cut == "block3b_add"
    unfreeze(model, "block3b_add")  # the last sum has no weights: what is below stays frozen
    assert split_network(model).cut == "block3b_add"
    unfreeze(model, "1")  # the block's last convolution, and the dropout above it
    assert split_network(model) == "block3b_project_conv learns"
    model.get_layer("block3b_project_conv").trainable = False
    assert split_network(model) == "block3b_drop is random"


def test_a_network_that_learns_throughout_has_no_features(config) -> None:
    model = build_model(config("depth=2", "target_size=32").model, (32, 32), 2)
    assert split_network(model) == "block1_conv learns"
    freeze(model, "block2_pool")
    parts = split_network(model)
    assert (parts.cut, parts.body.output_shape) == ("flatten", (None, 6 * 6 * 32))


def test_features_on_disk_are_found_again_and_listed(config, photos: Path, cache: Path, capsys) -> None:
    first, said = prepared(config, photos, network(config), "loader.cache=disk")
    assert "computed once" in said
    values = np.array(first.train.stored)
    second, said = prepared(config, photos, network(config), "loader.cache=disk")
    assert "22 images were computed by an earlier run (cut at block_3_expand_relu" in said
    np.testing.assert_array_equal(second.train.stored, values)
    other = network(config)
    other.get_layer("Conv1").kernel.assign_add(np.full(other.get_layer("Conv1").kernel.shape, 0.1, np.float32))
    third, said = prepared(config, photos, other, "loader.cache=disk")
    assert "computed once" in said  # other weights, other features
    assert np.abs(np.array(third.train.stored, int) - values).max() > 0
    shown = [entry for entry in (cache / "decoded").iterdir() if (entry / "pixels.npy").is_file()]
    assert len(shown) == 2 + 2 + 1  # two networks, two splits, and the images
    capsys.readouterr()
    assert cache_main(["--list"]) == 0
    assert "144 values at" in capsys.readouterr().out
    del first, second, third
    assert cache_main(["--clear"]) == 0
    assert "removed" in capsys.readouterr().out


def test_where_the_limit_is_too_small_they_are_in_memory(config, photos: Path, cache: Path) -> None:
    model = network(config, "model.pooling=flatten")
    manifest, train, validation = opened(config, photos)
    settings = replace(config(*WORDS).loader, cache="disk", cache_limit=1e-6)
    features, said = prepare_features(model, FeatureSource(train, validation, manifest, settings))
    assert features is not None
    assert "computed once" in said
    assert not list((cache / "decoded").glob("*/pixels.npy"))


def test_without_validation_images_there_is_an_empty_loader(config, photos: Path) -> None:
    manifest, train, _ = opened(config, photos)
    empty = replace(train, rows=train.rows[:0], labels=train.labels[:0])
    features, said = prepare_features(network(config), FeatureSource(train, empty, manifest, config(*WORDS).loader))
    assert features.validation.steps == 0
    assert f"features of {len(train.rows)} images" in said


def with_layer(place: str, *more: keras.layers.Layer, size: int | None = 32) -> keras.Model:
    """A frozen network of two convolutions, with more layers before, between or behind them, and a head."""
    keras.utils.set_random_seed(7)
    x = inputs = keras.Input((size, size, 3), name="pixels")
    x = keras.layers.Rescaling(1 / 255, name="rescale")(x)
    for where in ("before", "between", "behind"):
        for layer in more if place == where else ():
            x = layer(x)
        if where != "behind":
            x = keras.layers.Conv2D(4, 3, strides=2, activation="relu", name=f"conv_{where}")(x)
    x = keras.layers.GlobalAveragePooling2D(name="head_average")(x)
    model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid", name="probability")(x), name="net")
    freeze(model, "all")
    return model


class Doubled(keras.layers.Layer):
    def call(self, x):
        return x * 2


NESTED = "nested"


def nested(*inner: keras.layers.Layer) -> keras.Model:
    return keras.Sequential(list(inner), name=NESTED)


@pytest.mark.parametrize(
    ("place", "make", "said"),
    [
        ("before", lambda: keras.layers.RandomFlip(name="flip"), "flip is random"),
        ("before", lambda: keras.layers.RandomRotation(0.2, name="turn"), "turn is random"),
        ("before", lambda: nested(keras.layers.RandomBrightness(0.2, name="light")), "light in nested is random"),
        ("before", lambda: Doubled(name="own"), "own may be random: its code is unknown"),
        ("between", lambda: keras.layers.RandomFlip(name="flip"), "(cut at conv_before, 900 values"),
        ("between", lambda: keras.layers.GaussianNoise(0.5, name="noise"), "(cut at conv_before, 900 values"),
        ("behind", lambda: nested(keras.layers.RandomContrast(0.5, seed=1)), "(cut at conv_between, 196 values"),
        ("between", lambda: nested(keras.layers.Conv2D(2, 3), keras.layers.Dropout(0.5)), "(cut at conv_between, 4"),
        ("behind", lambda: nested(keras.layers.BatchNormalization(), keras.layers.ReLU()), "(cut at nested, 4"),
    ],
)
def test_with_any_layer_the_weights_are_those_of_the_whole_network(config, photos: Path, place, make, said) -> None:
    """Where that cannot be, nothing is kept."""
    model = with_layer(place, make())
    features, why = prepared(config, photos, model)
    assert said in why
    assert (features is None) == ("features are not cached" in why)
    if features is not None:
        _, train, _ = opened(config, photos)
        whole = with_layer(place, make())
        train_on(whole, train)
        train_on(features.head, features.train)
        for ours, theirs in zip(model.weights, whole.weights, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-5, err_msg=ours.path)


def test_a_layer_that_is_called_again_is_no_ground_for_features() -> None:
    inputs = keras.Input((32, 32, 3), name="pixels")
    conv = keras.layers.Conv2D(3, 3, padding="same", name="conv")
    x = keras.layers.Flatten(name="head_flatten")(conv(conv(inputs)))
    model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid", name="probability")(x))
    model.get_layer("conv").trainable = False
    assert split_network(model) == "a layer is called more than once"


def test_a_run_with_random_layers_as_a_backbone(config, photos: Path, tmp_path: Path) -> None:
    """A network that augments by itself, as Keras's own examples do, taken as it is: each epoch draws anew."""
    earlier = keras.Sequential(
        [
            keras.Input((32, 32, 3), name="pixels"),
            keras.Sequential([keras.layers.RandomFlip(name="flip"), keras.layers.RandomZoom(0.1)], name="augmentation"),
            keras.layers.Conv2D(4, 3, name="conv"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1, "sigmoid"),
        ]
    )
    path = tmp_path / "earlier.keras"
    earlier.save(path)
    words = ("model.backbone=own", f"model.weights={path}", "model.cut=null")
    features, said = prepared(config, photos, network(config, *words), *words)
    assert features is None
    assert said == ("features are not cached: flip in augmentation is random, so each step runs the whole network")


def test_training_and_validation_images_of_other_sizes_have_other_features(config, photos: Path, cache: Path) -> None:
    """One entry of the cache for each size: the features of one are never taken for those of another."""
    found = {}
    for size in (32, 48):
        words = ("model=cnn", "model.flatten=average", "depth=2", "loader.evaluation_size=64", "loader.cache=disk")
        made = config(*words, f"target_size={size}", "batch_size=5")
        manifest = manifest_of(photos, made)
        data = open_images(manifest, made)
        train, validation = make_loader(made, data, TRAIN), make_loader(made, data, VALIDATION)
        model = with_layer("between", size=None)
        features, _ = prepare_features(model, FeatureSource(train, validation, manifest, made.loader))
        body = split_network(model).body
        for loader in (features.train, features.validation):
            images = loader.fetch(loader.rows[:3])
            assert images.shape[1:3] == ((size, size) if loader is features.train else (64, 64))
            kept = np.ascontiguousarray(loader.stored[:3]).view(np.float32)
            np.testing.assert_allclose(kept, body(images, training=False), atol=1e-5)
        found[size] = np.array(features.train.stored)
    assert not np.array_equal(found[32], found[48])


def test_some_of_the_images_keep_their_own_features(config, photos: Path) -> None:
    found, _ = prepared(config, photos, network(config))
    assert found is not None
    part = found.train.part(np.array([5, 0, 9]))
    assert part.rows.tolist() == found.train.rows[[5, 0, 9]].tolist()
    assert part.labels.tolist() == found.train.labels[[5, 0, 9]].tolist()
    features, labels = part.batch(0, 0)
    whole = found.train.stored[[5, 0, 9]][part.order(0)]
    assert features.tobytes() == whole.tobytes() and labels.tolist() == part.labels[part.order(0)].tolist()


def test_a_run_resumes_as_it_began_with_or_without_features(
    bare: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where there is no room for them any more, the refusal says so: the checkpoint itself is intact."""

    def begun(name: str) -> Path:
        own = ("model=transfer", "model.backbone=own", f"model.weights={network}", "model.dense=[]", "model.freeze=all")
        small = [word for word in bare if not word.startswith(("depth", "model.", "epochs"))]
        assert main([*small, *own, "epochs=1", f"output_dir={tmp_path / name}"]) == 0
        (run,) = (tmp_path / name / "drawn").iterdir()
        return run

    assert main([*bare, "epochs=1", f"output_dir={tmp_path}"]) == 0
    (network,) = (tmp_path / "drawn").iterdir()
    stored = features_module._stored
    on_features = begun("with")
    assert "training the head alone" in capsys.readouterr().err
    monkeypatch.setattr(features_module, "_stored", lambda *_: None)
    whole = begun("without")
    assert main(["resume", str(on_features), "epochs=2"]) == 2
    error = capsys.readouterr().err
    assert "The checkpoint must be continued on cached features, on which the run trained the head alone: " in error
    assert "there is no room for their " in error
    assert "Received: loader.cache_limit=50 (GiB). Free disk space or memory, or raise the limit: resume RUN " in error
    monkeypatch.setattr(features_module, "_stored", stored)
    for run in (on_features, whole):
        assert main(["resume", str(run), "epochs=2"]) == 0
    assert "features are not cached: the run began without them" in capsys.readouterr().err
