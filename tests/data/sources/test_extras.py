"""The sources `kaggle` and `tfds`, with stand-ins for their packages: the real ones need a network."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.data.open_data import gather
from catsdogs_exp.data.sources import extras
from catsdogs_exp.data.sources.listing import TEST, TRAIN, UNDECIDED
from catsdogs_exp.data.sources.registry import check_source, files_of
from catsdogs_exp.errors import BadInput


def dataset(*words: str) -> Any:
    return config_of(words).dataset


def refusal(*words: str) -> str:
    with pytest.raises(BadInput) as caught:
        files_of(dataset(*words))
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.parametrize(
    ("words", "package"),
    [
        (("dataset=kaggle", "dataset.handle=owner/pets"), "kagglehub"),
        (("dataset=tfds", "dataset.builder=beans"), "tensorflow-datasets"),
    ],
)
def test_a_missing_package_is_told_before_the_run(
    words: tuple[str, str], package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras.importlib.util, "find_spec", lambda _: None)
    monkeypatch.delitem(sys.modules, package.replace("-", "_"), raising=False)
    extra = words[0].removeprefix("dataset=")
    with pytest.raises(BadInput) as caught:
        check_source(dataset(*words))
    assert str(caught.value) == (
        f"dataset={extra} needs the package {package}, which is not installed. "
        f"Install it: pip install 'catsdogs-exp[{extra}]'"
    )


def test_a_package_that_does_not_import_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    assert refusal("dataset=kaggle", "dataset.handle=owner/pets").startswith(
        "The package kagglehub cannot be imported: "
    )


# kaggle


@pytest.fixture
def kagglehub(photo_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Has one data set, in a folder of its cache."""
    root = photo_folder({"data/cats": 4, "data/dogs": 4, "more/birds": 1})
    module = ModuleType("kagglehub")
    module.asked = []  # type: ignore[attr-defined]

    def dataset_download(handle: str) -> str:
        module.asked.append(handle)
        if handle.startswith("nobody/"):
            raise OSError("404 Client Error.\n\nResource not found at URL: ...")
        return str(root)

    module.dataset_download = dataset_download  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "kagglehub", module)
    return module


def test_a_set_of_kaggle(kagglehub: ModuleType, cache: Path) -> None:
    words = ["dataset=kaggle", "dataset.handle=owner/pets", "dataset.folder=data"]
    check_source(dataset(*words))
    assert kagglehub.asked == []
    assert gather(config_of([*words, "split.validation=0.25"])).counts() == {
        "train": {"cats": 3, "dogs": 3},
        "validation": {"cats": 1, "dogs": 1},
    }
    assert kagglehub.asked == ["owner/pets"]


def test_a_set_that_kaggle_does_not_have(kagglehub: ModuleType) -> None:
    assert refusal("dataset=kaggle", "dataset.handle=nobody/pets") == (
        "dataset.handle=nobody/pets cannot be downloaded from Kaggle: OSError: 404 Client Error. Resource not found at "
        "URL: .... Private data sets need an account's key (KAGGLE_USERNAME and KAGGLE_KEY). Without a "
        "network: dataset=drawn"
    )


@pytest.mark.parametrize("folder", ["dta", "..", "../..", "/"])
def test_a_folder_that_the_set_does_not_have(kagglehub: ModuleType, folder: str, tmp_path: Path) -> None:
    assert refusal("dataset=kaggle", "dataset.handle=owner/pets", f"dataset.folder={folder}") == (
        f"dataset.folder must be a folder in {tmp_path}/photos. Received: dataset.folder={folder}. There: data, more"
    )


@pytest.mark.parametrize("handle", ["pets", "https://www.kaggle.com/owner/pets", "a/b/c", "a/b/versions/x"])
def test_what_is_no_handle(handle: str) -> None:
    with pytest.raises(BadInput) as caught:
        dataset("dataset=kaggle", f"dataset.handle={handle}")
    assert str(caught.value) == (f"dataset.handle must be OWNER/NAME, as in the data set's URL. Received: {handle!r}")


def test_what_is_a_handle() -> None:
    assert dataset("dataset=kaggle", "dataset.handle=a/b-1.x/versions/3").handle == "a/b-1.x/versions/3"


# tfds

JPEG, PNG = b"\xff\xd8\xff\xe0 jpeg", b"\x89PNG png"


class Builder:
    """A builder of tensorflow-datasets, as far as it is used."""

    def __init__(self, splits: dict[str, list[tuple[bytes, int]]], names: list[str] | None) -> None:
        self._splits, self.prepared = splits, 0
        features = {"image": object(), "label": SimpleNamespace(names=names)} if names else {"audio": object()}
        sizes = {name: SimpleNamespace(num_examples=len(examples)) for name, examples in splits.items()}
        self.info = SimpleNamespace(features=features, splits=sizes)

    def download_and_prepare(self) -> None:
        self.prepared += 1

    def as_dataset(self, split: str, decoders: dict[str, object], shuffle_files: bool) -> Iterator[dict[str, object]]:
        assert decoders == {"image": "as it is"}
        assert not shuffle_files
        return ({"image": data, "label": label} for data, label in self._splits[split])


@pytest.fixture
def tfds(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("tensorflow_datasets")
    module.asked = []  # type: ignore[attr-defined]
    module.builders = {}  # type: ignore[attr-defined]

    def builder(name: str, **named: str) -> Builder:
        module.asked.append((name, named))
        if name not in module.builders:
            raise ValueError(f"Dataset {name} not found.\nDid you mean: beans?")
        return module.builders[name]  # type: ignore[no-any-return]

    module.builder, module.as_numpy = builder, lambda examples: examples  # type: ignore[attr-defined]
    module.decode = SimpleNamespace(SkipDecoding=lambda: "as it is")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", module)
    return module


def test_a_set_of_tfds_is_written_once_as_it_is_encoded(tfds: ModuleType, cache: Path) -> None:
    tfds.builders["beans:0.1.0"] = Builder(
        {"train": [(JPEG, 0), (PNG, 1), (JPEG, -1)], "test": [(JPEG, 1)], "extra": [(JPEG, 1)]},
        ["bean/rust", ".healthy"],
    )
    words = ("dataset=tfds", "dataset.builder=beans:0.1.0", f"dataset.data_dir={cache}")
    check_source(dataset(*words))
    listing = files_of(dataset(*words))
    assert listing.classes == (".healthy", "bean/rust")
    assert dict(zip(listing.paths.tolist(), listing.splits.tolist(), strict=True)) == {
        "test/%2Ehealthy/000002.jpg": TEST,
        "train/bean%2Frust/000000.jpg": TRAIN,
        "train/%2Ehealthy/000001.png": TRAIN,
    }
    assert (listing.root / "train/%2Ehealthy/000001.png").read_bytes() == PNG
    assert files_of(dataset(*words)).root == listing.root
    assert tfds.asked == [("beans:0.1.0", {"data_dir": str(cache)})]


def test_a_set_with_train_alone_is_ours_to_split(tfds: ModuleType, cache: Path) -> None:
    tfds.builders["pets"] = Builder({"train": [(JPEG, 0), (JPEG, 1)]}, ["cat", "dog"])
    listing = files_of(dataset("dataset=tfds", "dataset.builder=pets"))
    assert listing.paths.tolist() == ["cat/000000.jpg", "dog/000001.jpg"]
    assert listing.splits.tolist() == [UNDECIDED, UNDECIDED]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "speech",
            "dataset.builder must be an image classification data set, whose examples have an image and a label of "
            "named classes. Received: speech, with audio.",
        ),
        ("odd", "odd has no split called train, validation or test, only extra, more."),
        (
            "baens",
            "dataset.builder=baens cannot be downloaded by tensorflow-datasets: ValueError: Dataset baens not found. "
            "Did you mean: beans?. Without a network: dataset=drawn",
        ),
    ],
)
def test_what_is_no_such_set(tfds: ModuleType, cache: Path, name: str, message: str) -> None:
    tfds.builders["speech"] = Builder({"train": []}, None)
    tfds.builders["odd"] = Builder({"extra": [], "more": []}, ["cat", "dog"])
    assert refusal("dataset=tfds", f"dataset.builder={name}") == message
    assert [path.name for path in (cache / "tfds").iterdir() if path.suffix != ".lock"] == []


def test_what_is_no_name_of_a_set() -> None:
    with pytest.raises(BadInput) as caught:
        dataset("dataset=tfds", "dataset.builder=../x")
    assert str(caught.value) == "dataset.builder must be NAME, NAME/CONFIG or NAME:VERSION. Received: '../x'"
