"""Backbones with a new head: their input range, the cut, and the source of their weights."""

import http.server
import inspect
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

from catsdogs_exp.config.schema.transfer import KERAS_APPLICATIONS, LITES
from catsdogs_exp.errors import BadInput
from catsdogs_exp.models import build_model
from catsdogs_exp.models.backbones import tidy_names, trained_on
from catsdogs_exp.models.transfer import preprocessed

SMALL = ("model=transfer", "model.weights=none", "target_size=32")
NET = keras.applications.mobilenet_v2


def pixels(count: int = 2, size: int = 32, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, channels), dtype=np.uint8)


@pytest.fixture(scope="module")
def mobile(tmp_path_factory: pytest.TempPathFactory) -> tuple[keras.Model, Path]:
    """A plain MobileNetV2 as others have it, without a top, and a file with its weights."""
    keras.utils.set_random_seed(3)
    model = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(32, 32, 3))
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):  # as if it had been trained
            layer.moving_mean.assign(np.random.default_rng(1).normal(0, 0.1, layer.moving_mean.shape))
    path = tmp_path_factory.mktemp("weights") / "mobile.weights.h5"
    model.save_weights(path)
    return model, path


@pytest.mark.slow
def test_the_courses_network(config) -> None:
    settings = config("model=course_f", "model.weights=none", "target_size=150").model
    model = build_model(settings, (150, 150), 2)
    learning = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
    assert (model.count_params(), learning) == (47_512_481, 38_537_217)  # docs/course.md, network F
    assert model.output_shape == (None, 1)
    assert model.get_layer("mixed7").output.shape == (None, 7, 7, 768)
    assert float(model.get_layer("rescale")(np.full((1, 2, 2, 3), 255.0)).numpy().max()) == pytest.approx(1.0)
    again = build_model(settings, (150, 150), 2)  # the second of a sweep
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    assert "conv2d_5" in [layer.name for layer in again.layers]


def test_the_names_are_those_of_keras() -> None:
    functions = {name for name, each in inspect.getmembers(keras.applications) if inspect.isfunction(each)}
    assert set(KERAS_APPLICATIONS) == functions


@pytest.mark.parametrize("name", KERAS_APPLICATIONS)
def test_the_smallest_sizes_are_those_of_keras(name: str) -> None:
    smallest = KERAS_APPLICATIONS[name]
    with pytest.raises(ValueError, match=rf"at least {smallest}x{smallest}"):
        getattr(keras.applications, name)(include_top=False, weights=None, input_shape=(smallest - 1, smallest, 3))


@pytest.mark.parametrize("name", KERAS_APPLICATIONS)
def test_each_backbone_is_fed_what_it_was_trained_on(name: str) -> None:
    module = getattr(keras.applications, getattr(keras.applications, name).__module__.rpartition(".")[2])
    images = pixels()
    inputs = keras.Input((32, 32, 3))
    ours = keras.Model(inputs, preprocessed(inputs, trained_on(name)))
    np.testing.assert_allclose(ours(images), module.preprocess_input(images.astype(np.float32)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("values", ["none", "unit", "symmetric", "caffe", "torch"])
@pytest.mark.parametrize("channels", [3, 1])
def test_preprocessing_survives_saving(config, tmp_path: Path, values: str, channels: int) -> None:
    settings = config(*SMALL, "model.backbone=VGG16", "model.cut=block1_pool", f"model.preprocessing={values}").model
    model = build_model(settings, (32, 32), 3, channels)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    images = pixels(channels=channels)
    np.testing.assert_array_equal(model(images), loaded(images))
    assert not model.get_layer("block1_conv1").trainable
    assert not loaded.get_layer("block1_conv1").trainable


@pytest.mark.parametrize(
    "name",
    [
        "MobileNetV3Small",
        *(
            pytest.param(large, marks=pytest.mark.slow)
            for large in ("EfficientNetB0", "ResNet50V2", LITES[1], "ConvNeXtTiny", "DenseNet121")
        ),
    ],
)
def test_families_build_flat_and_come_back_from_a_file(config, tmp_path: Path, name: str) -> None:
    model = build_model(config(*SMALL, f"model.backbone={name}").model, (32, 32), 2)
    assert not any(isinstance(layer, keras.Model) and not isinstance(layer, keras.Sequential) for layer in model.layers)
    assert [variable.path for variable in model.trainable_variables] == ["probability/kernel", "probability/bias"]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(model(pixels()), loaded(pixels()), rtol=1e-5)


def test_grey_pictures_are_repeated(config) -> None:
    settings = config(*SMALL, "model.backbone=VGG16").model
    grey = build_model(settings, (32, 32), 2, channels=1)
    colour = build_model(settings, (32, 32), 2)
    colour.set_weights(grey.get_weights())
    images = pixels(channels=1)
    np.testing.assert_allclose(grey(images), colour(np.repeat(images, 3, axis=-1)), rtol=1e-5)


def test_weights_of_a_file_are_those_of_the_plain_network(config, mobile) -> None:
    plain, path = mobile
    settings = config("model=transfer", "target_size=32", f"model.weights={path}").model
    model = build_model(settings, (32, 32), 2)
    ours = keras.Model(model.inputs[0], model.get_layer("out_relu").output)(pixels())
    np.testing.assert_allclose(ours, plain(NET.preprocess_input(pixels().astype(np.float32))), rtol=1e-4, atol=1e-5)


def test_the_older_format_of_weights_is_read(config, mobile, tmp_path: Path) -> None:
    """In which keras.applications and the course have theirs: by the order of layers, with names in attributes."""
    plain, _ = mobile
    path = tmp_path / "notop.h5"
    _as_legacy(plain, path)
    model = build_model(config("model=transfer", "target_size=32", f"model.weights={path}").model, (32, 32), 2)
    kernel = model.get_layer("block_5_expand").get_weights()[0]
    np.testing.assert_array_equal(kernel, plain.get_layer("block_5_expand").get_weights()[0])


def test_weights_of_another_network_are_refused(config, mobile, tmp_path: Path) -> None:
    _, path = mobile
    with pytest.raises(BadInput, match=r"model.weights must be weights of VGG16 without its top, .* Received: model"):
        build_model(config(*SMALL[::2], "model.backbone=VGG16", f"model.weights={path}").model, (32, 32), 2)
    broken = tmp_path / "broken.h5"
    broken.write_bytes(b"no weights")
    with pytest.raises(BadInput, match=r"model.weights must be weights of MobileNetV2"):
        build_model(config("model=transfer", "target_size=32", f"model.weights={broken}").model, (32, 32), 2)


def test_weights_of_a_larger_network_of_the_family_are_refused(config, tmp_path: Path) -> None:
    """VGG19 has all layers of VGG16, with the same names and shapes, and others between them."""
    path = tmp_path / "larger.keras"
    cut = "model.cut=block4_pool"  # of 8 million weights
    build_model(config(*SMALL[::2], "model.backbone=VGG19", cut, "model.weights=none").model, (32, 32), 2).save(path)
    words = (*SMALL[::2], cut, f"model.weights={path}")
    build_model(config(*words, "model.backbone=VGG19").model, (32, 32), 2, channels=1)
    with pytest.raises(BadInput, match=r"must be a run with the same backbone: its layer block4_conv1 is missing, or"):
        build_model(config(*words, "model.backbone=VGG16").model, (32, 32), 2)


def test_an_own_network_with_another_head(config, trained: Path) -> None:
    words = ("model=transfer", "model.backbone=own", f"model.weights={trained}", "target_size=32")
    was = keras.saving.load_model(trained / "checkpoints" / "best.keras")
    model = build_model(config(*words).model, (32, 32), 5)
    assert model.output_shape == (None, 5)
    names = [layer.name for layer in model.layers]
    assert names[-4:] == ["block2_pool", "head_average", "head_dropout", "probability"]
    for image in (pixels(),):
        ours = keras.Model(model.inputs[0], model.get_layer("block2_pool").output)(image)
        theirs = keras.Model(was.inputs[0], was.get_layer("block2_pool").output)(image)
        np.testing.assert_array_equal(ours, theirs)
    dense = build_model(config(*words, "model.cut=dense").model, (32, 32), 2)
    assert [layer.name for layer in dense.layers][-3:] == ["dense", "head_dropout", "probability"]
    assert build_model(config(*words, "target_size=48").model, (48, 48), 2).get_layer("block2_pool").trainable is False
    with pytest.raises(
        BadInput, match=r"target_size must be the same as in the run of model.weights for model.cut=dense: \[32"
    ):
        build_model(config(*words, "target_size=48", "model.cut=dense").model, (48, 48), 2)
    with pytest.raises(BadInput, match=r"Received: model.cut=block2_pol. Did you mean block2_pool"):
        build_model(config(*words, "model.cut=block2_pol").model, (32, 32), 2)


def test_an_own_network_of_grey_pictures_takes_no_colour(config, tmp_path: Path) -> None:
    path = tmp_path / "grey.keras"
    build_model(config("target_size=32", "depth=2").model, (32, 32), 2, channels=1).save(path)
    settings = config("model=transfer", "model.backbone=own", f"model.weights={path}", "target_size=32").model
    assert build_model(settings, (32, 32), 2, channels=1).input_shape == (None, 32, 32, 1)
    with pytest.raises(BadInput, match=r"dataset.channels must be 1, as in the run .* Received: dataset.channels=3"):
        build_model(settings, (32, 32), 2)


@pytest.mark.slow
def test_the_backbone_of_an_earlier_run_goes_on_under_its_name(config, tmp_path: Path) -> None:
    path = tmp_path / "best.keras"
    first = build_model(config(*SMALL, "model.dense=[8]", "model.freeze=none").model, (32, 32), 2)
    first.save(path)
    words = ("model=transfer", f"model.weights={path}", "target_size=32")
    second = build_model(config(*words, "model.cut=block_12_add").model, (32, 32), 3)
    for name in ("Conv1", "block_12_expand_BN"):
        for ours, theirs in zip(second.get_layer(name).weights, first.get_layer(name).weights, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(BadInput, match=r"a run with the same backbone: its layer .* Use model.backbone=own"):
        build_model(config(*words, "model.backbone=VGG16").model, (32, 32), 3)
    own = build_model(config(*words, "model.backbone=own", "model.cut=body_dense1").model, (32, 32), 3)
    assert [layer.name for layer in own.layers][-4:] == ["body_average", "body_dense1", "head_dropout", "probability"]


def test_a_damaged_own_network_is_refused(config, tmp_path: Path) -> None:
    path = tmp_path / "best.keras"
    path.write_bytes(b"PK no zip")
    settings = config("model=transfer", "model.backbone=own", f"model.weights={path}").model
    with pytest.raises(BadInput, match=r"model.weights cannot be loaded: .*best.keras"):
        build_model(settings, (32, 32), 2)


def test_an_unknown_cut_says_what_is_near(config) -> None:
    with pytest.raises(BadInput, match=r"Received: model.cut=block_12_ad. Did you mean block_12_add"):
        build_model(config(*SMALL, "model.cut=block_12_ad").model, (32, 32), 2)
    with pytest.raises(BadInput, match=r"Received: model.cut=xyz. The topmost are .*Conv_1.*out_relu"):
        build_model(config(*SMALL, "model.cut=xyz").model, (32, 32), 2)


def test_the_last_layer_is_float32_in_lower_precision(config, tmp_path: Path) -> None:
    from catsdogs_exp.training.precision import building_in

    with building_in("mixed_bfloat16"):
        model = build_model(config(*SMALL).model, (32, 32), 2)
    assert model(pixels()).dtype == "float32"
    assert model.get_layer("Conv1").compute_dtype == "bfloat16"
    assert model.get_layer("rescale").compute_dtype == "float32"
    model.save(tmp_path / "best.keras")
    words = ("model=transfer", "model.backbone=own", f"model.weights={tmp_path / 'best.keras'}", "target_size=32")
    own = build_model(config(*words).model, (32, 32), 2)
    assert own.get_layer("Conv1").compute_dtype == "float32"


def test_what_keras_numbers_begins_with_0_again() -> None:
    keras.layers.Conv2D(1, 1)  # moves the process's counter
    inputs = keras.Input((4, 4, 1))
    x = keras.layers.Conv2D(1, 1)(inputs)
    x = keras.layers.Conv2D(1, 1, name="kept_7")(x)
    model = keras.Model(inputs, keras.layers.Conv2D(1, 1)(x))
    first, _, last = (layer.name for layer in model.layers[1:])
    names = tidy_names(model)
    assert (names[first], names["kept_7"], names[last]) == ("conv2d", "kept_7", "conv2d_1")


@pytest.fixture
def weights_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A server on loopback in the place of Keras's, and an empty cache; yields the folder that it serves."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *rest: object) -> None:
            super().__init__(*rest, directory=str(folder))

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    module = sys.modules[keras.applications.MobileNetV2.__module__]
    monkeypatch.setattr(module, "BASE_WEIGHT_PATH", f"http://127.0.0.1:{server.server_port}/")
    (tmp_path / "keras").mkdir()
    monkeypatch.setattr("keras.src.utils.file_utils.config.keras_home", lambda: str(tmp_path / "keras"))
    yield folder
    server.shutdown()
    thread.join()
    server.server_close()


def test_imagenet_weights_are_downloaded_by_keras(config, mobile, weights_server: Path, capsys) -> None:
    plain, _ = mobile
    _as_legacy(plain, weights_server / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5")
    capsys.readouterr()
    model = build_model(config("model=transfer", "target_size=32").model, (32, 32), 2)
    ours, theirs = model.get_layer("Conv1").get_weights()[0], plain.get_layer("Conv1").get_weights()[0]
    np.testing.assert_array_equal(ours, theirs)
    assert capsys.readouterr().out == ""  # that is for results


def test_without_the_weights_a_line_says_what_to_do(config, weights_server: Path) -> None:
    with pytest.raises(
        BadInput,
        match=r"^The ImageNet weights of MobileNetV2 cannot be downloaded \(URL fetch failure .* 404 .*"
        r"model.weights=PATH .*model.weights=none, or model=efficientnet_lite0",
    ) as caught:
        build_model(config("model=transfer", "target_size=32").model, (32, 32), 2)
    assert "\n" not in str(caught.value)


def _as_legacy(plain: keras.Model, path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in plain.layers]
        for layer in plain.layers:
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = [f"{index}".encode() for index, _ in enumerate(layer.weights)]
            for index, weight in enumerate(layer.get_weights()):
                group.create_dataset(f"{index}", data=weight)
