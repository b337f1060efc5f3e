"""Layouts of well-known data sets as downloaded: read, or refused with a setting that then works."""

import re
import shlex
import zipfile
from pathlib import Path

import pytest

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.data.sources.inside_classes import are_numbered_parts
from catsdogs_exp.data.sources.listing import TEST, TRAIN, VALIDATION, Listing, list_images
from catsdogs_exp.data.sources.registry import files_of
from catsdogs_exp.data.sources.selection import Selection
from catsdogs_exp.data.sources.split_names import split_of
from catsdogs_exp.errors import BadInput

HERE = Selection(in_place=True)


def expanded(pattern: str) -> list[str]:
    """Expands `{a,b}/1.jpg` to `a/1.jpg`, `b/1.jpg`, as a shell does."""
    before, brace, rest = pattern.partition("{")
    names, _, after = rest.partition("}")
    return [path for name in names.split(",") for path in expanded(before + name + after)] if brace else [pattern]


def made(root: Path, *patterns: str) -> Path:
    for path in (path for pattern in patterns for path in expanded(pattern)):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def refusal(root: Path) -> str:
    with pytest.raises(BadInput) as caught:
        list_images(root, HERE)
    return str(caught.value)


def advised(message: str, beginning: str) -> Listing:
    """Does what a message says after `beginning`, as typed in a shell."""
    words = shlex.split(message.partition(beginning)[2])
    typed = [re.sub(r"[.,;]$", "", word) for word in words if word.startswith("dataset")]
    settings = {"dataset": "dataset=folder"}
    for word in typed:
        if settings.setdefault(word.partition("=")[0], word) != word and not word.startswith("dataset="):
            break  # the next suggestion
        settings[word.partition("=")[0]] = word
    return files_of(config_of(list(settings.values())).dataset)


@pytest.mark.parametrize(
    ("patterns", "classes"),
    [
        pytest.param(["images/images/{Goya,Dali}/1.jpg", "resized/resized/Goya_1.jpg"], ("Dali", "Goya"), id="resized"),
        pytest.param(["{my copy,new copy}/images/{bike,mug}/1.jpg"], ("bike", "mug"), id="images in domains"),
        pytest.param(["Leaves/{a,b}/1.jpg", "leaves/Leaves/{a,b}/1.jpg"], ("a", "b"), id="copy in a folder"),
        pytest.param(["Birds/images/{a,b}/1.jpg", "segmentations/{a,b}/1.png"], ("a", "b"), id="masks of all classes"),
        pytest.param(
            ["cast_512/cast_512/{bad,good}/1.jpg", "cast/cast/{train,test}/{bad,good}/1.jpg"],
            ("bad", "good"),
            id="sizes",
        ),
        pytest.param(["{BadImg,GoodImg}/Bmp/Sample00{1,2}/1.png"], ("Sample001", "Sample002"), id="kinds of images"),
        pytest.param(["{Plants(Big),plants(big)/Plants(Big)}/{a,b}/1.jpg", "test/1.jpg"], ("a", "b"), id="flat test"),
        pytest.param(["{DATASET,dataset/DATASET}/{TRAIN,TEST}/{O,R}/1.jpg"], ("O", "R"), id="copies with splits"),
    ],
)
def test_folders_of_classes_are_no_classes_behind_folders_of_their_own_name(
    tmp_path: Path, patterns: list[str], classes: tuple[str, ...]
) -> None:
    message = refusal(made(tmp_path, *patterns))
    assert "split.folders=classes" in message
    assert advised(message, str(tmp_path)).classes == classes


def test_many_folders_of_the_same_classes_are_not_all_listed(tmp_path: Path) -> None:
    message = refusal(made(tmp_path, *(f"{patient}/{{0,1}}/1.png" for patient in range(1000, 1100))))
    assert "together" not in message
    assert len(message) < 1000


@pytest.mark.parametrize(
    "names",
    [
        ["photos_part_1", "photos_part_2"],
        ["images_001", "images_002", "images_010"],
        ["batch1", "batch2"],
        ["100APPLE", "101APPLE"],
        ["100_PANA", "101_PANA"],
    ],
)
def test_numbered_parts_are_not_taken_as_classes(tmp_path: Path, names: list[str]) -> None:
    made(tmp_path, *(f"{name}/{place}.jpg" for place, name in enumerate(names)), "meta.csv")
    message = refusal(tmp_path)
    assert "are called like parts of one set of images rather than classes" in message
    assert f"With the classes in a table: dataset=csv dataset.path={tmp_path}/meta.csv. If they" in message
    assert sorted(list_images(tmp_path, Selection(folders="classes")).classes) == sorted(names)


def test_the_files_of_numbered_parts_are_found_through_the_table(tmp_path: Path) -> None:
    made(tmp_path, "photos_part_1/{a,b}.jpg", "photos_part_2/{c,d}.jpg")
    (tmp_path / "meta.csv").write_text("image_id,dx\na,nv\nb,mel\nc,nv\nd,mel\n")
    listing = advised(refusal(tmp_path), "in a table: ")
    assert (listing.classes, len(listing.paths)) == (("mel", "nv"), 4)


@pytest.mark.parametrize(
    "names", [["Class 1", "Class 2"], ["c0", "c1"], ["001.ak47", "257.clutter"], ["100CANON", "100NIKON"], ["1", "2"]]
)
def test_numbered_classes_are_no_parts(names: list[str]) -> None:
    assert not are_numbered_parts(names)


def test_a_flat_folder_named_after_the_training_folder_is_not_a_class(tmp_path: Path) -> None:
    made(tmp_path, "{rps,rps-test-set}/{paper,rock}/1.png", "rps-validation/{paper1,rock1}.png")
    listing = list_images(tmp_path, HERE)
    assert listing.classes == ("paper", "rock")
    assert sorted(set(listing.splits.tolist())) == [TRAIN, TEST]
    assert listing.notes == (
        "the folder rps-validation with 2 files: no class folders in it, so its images have no labels",
    )


def test_train_mini_is_train(tmp_path: Path) -> None:
    listing = list_images(made(tmp_path, "{train_mini,val}/{a,b}/1.jpg", "public_test/1.jpg"), HERE)
    assert sorted(set(listing.splits.tolist())) == [TRAIN, VALIDATION]
    assert (split_of("PublicTest"), split_of("PrivateTest")) == (VALIDATION, TEST)


def test_folders_inside_classes_are_told_with_what_takes_them_as_classes(tmp_path: Path) -> None:
    made(tmp_path, "colon/{colon_aca,colon_n}/1.jpg", "lung/{lung_aca,lung_n,lung_scc}/1.jpg")
    listing = list_images(tmp_path, HERE)
    assert listing.classes == ("colon", "lung")
    (note,) = listing.reading
    assert note.startswith("folders inside a class belong to it: colon/colon_aca, colon/colon_n, lung/lung_aca, ...; ")
    assert advised(note, "as the classes: ").classes == ("colon_aca", "colon_n", "lung_aca", "lung_n", "lung_scc")


def test_folders_inside_one_class_are_told_without_a_setting(tmp_path: Path) -> None:
    listing = list_images(made(tmp_path, "cat/{siamese,persian}/1.jpg", "dog/1.jpg"), HERE)
    assert listing.reading == ("folders inside a class belong to it: cat/persian, cat/siamese",)


@pytest.mark.parametrize(
    ("patterns", "table"),
    [
        (["{train,test}_images/{1,2}.png", "{sample_submission,test,train}.csv"], "train.csv"),
        (["{train,test}/{1,2}.png", "{labels,sampleSubmission}.csv"], "labels.csv"),
        (["jpeg/{train,test}/{1,2}.jpg", "{test,train}.csv"], "train.csv"),
        (["{train,valid,test}/{_classes.csv,1.jpg}"], "train/_classes.csv"),
        (["images/{1,2}.jpg", "export 1.csv"], "export 1.csv"),
        (["Input/Input/{1,2}.jpg", "{Metadata,GroundTruth}.csv"], "GroundTruth.csv"),
        (["{1,2}.jpg", "labels.csv", "train.csv"], "labels.csv"),
        (["{train,test}_images/1.jpg", "train.csv", "{train,test}_tfrecords/1.tfrec"], "train.csv"),
    ],
)
def test_a_table_next_to_images_without_class_folders_is_named(tmp_path: Path, patterns: list[str], table: str) -> None:
    message = refusal(made(tmp_path, *patterns))
    assert message.endswith(f"dataset=csv {shlex.quote(f'dataset.path={tmp_path}/{table}')}.")


@pytest.mark.parametrize(
    ("patterns", "name"),
    [
        (["jpg/image_{1,2}.jpg", "{imagelabels,setid}.mat"], "imagelabels.mat"),
        (["train/{1,2}.jpg", "train/metadata.jsonl"], "metadata.jsonl"),
        (["photos/{1,2}.jpg", "annotations.json"], "annotations.json"),
    ],
)
def test_classes_in_a_file_that_is_not_read_are_named(tmp_path: Path, patterns: list[str], name: str) -> None:
    message = refusal(made(tmp_path, *patterns))
    assert message.endswith(
        f". {name} may contain the classes, but is not read: write them to a table of files and classes."
    )


def test_tables_alone_may_be_of_files_or_of_pixels(tmp_path: Path) -> None:
    message = refusal(made(tmp_path, "digits_{test,train}.csv", "mapping.txt"))
    assert "contains no images, but 3 other files, such as digits_test.csv" in message
    assert message.endswith(
        f"dataset=csv dataset.path={tmp_path}/digits_train.csv; for one of pixels: dataset=pixel_csv "
        f"dataset.path={tmp_path}/digits_train.csv."
    )


@pytest.mark.parametrize(
    ("files", "advice"),
    [
        ("pets.7z", "Unpack pets.7z first, with a program such as 7-Zip."),
        ("pets.{z01,zip}", "Unpack pets.z01 first, with a program such as 7-Zip."),
        ("pets.zip.{001,002}", "Unpack pets.zip.001 first, with a program such as 7-Zip."),
        ("{cat,dog}-samples.zip", "cat-samples.zip. If each is a class, unpack it into a folder of its own."),
    ],
)
def test_archives_that_are_not_read_are_named(tmp_path: Path, files: str, advice: str) -> None:
    message = refusal(made(tmp_path, files))
    assert message.endswith(advice)
    assert "contains no images, but " in message


def test_advice_with_spaces_can_be_typed(tmp_path: Path) -> None:
    message = refusal(made(tmp_path, "leaf data/{color,grey}/{a,b}/1.jpg"))
    assert f"'dataset.path={tmp_path}/leaf data/color'" in message
    assert advised(message, "or together: ").classes == ("a", "b")


def test_a_second_training_folder_of_the_same_classes_is_told(tmp_path: Path) -> None:
    made(tmp_path, "{trainingSet/trainingSet,trainingSample/trainingSample}/{0,1}/1.jpg", "testSet/testSet/1.jpg")
    listing = list_images(tmp_path, HERE)
    assert (listing.classes, len(listing.paths)) == (("0", "1"), 2)
    assert "the folder trainingSample with 2 files: next to trainingSet" in listing.notes


@pytest.mark.parametrize(
    ("folders", "last", "split"),
    [
        ("training,validation,evaluation", "evaluation", TEST),
        ("train,evaluation", "evaluation", VALIDATION),
        ("train,val,evaluation,test", "evaluation", VALIDATION),
        ("train,dev,eval", "eval", TEST),
    ],
)
def test_evaluation_is_the_test_set_next_to_validation(tmp_path: Path, folders: str, last: str, split: int) -> None:
    listing = list_images(made(tmp_path, f"{{{folders}}}/{{a,b}}/1.jpg"), HERE)
    of = dict(zip((path.split("/")[0] for path in listing.paths.tolist()), listing.splits.tolist(), strict=True))
    assert of[last] == split


def test_images_in_a_single_folder_may_have_their_class_in_their_names(tmp_path: Path) -> None:
    message = refusal(made(tmp_path, "UTKFace/{20,31}_{0,1}_2017.jpg"))
    assert message.endswith("With the class in the file names, set dataset.pattern.")


@pytest.mark.parametrize("name", ["pets 1.zip", "pets 1.z01", "pets 1.z02", "pets.zip.001", "pets.zip.002"])
def test_a_part_of_an_archive_is_not_to_be_downloaded_again(tmp_path: Path, name: str) -> None:
    whole = tmp_path / "whole.zip"
    with zipfile.ZipFile(whole, "w") as opened:
        for number in range(4):
            opened.writestr(f"cats/{number}.jpg", bytes(100))
    for part in ("pets 1.z01", name):
        (tmp_path / part).write_bytes(whole.read_bytes()[300:] if name.endswith("zip") else bytes(50))
    with pytest.raises(BadInput) as caught:
        files_of(config_of(["dataset=archive", f"dataset.path={tmp_path / name}"]).dataset)
    first = "pets.zip.001" if name.startswith("pets.") else "'pets 1.zip'"
    assert str(caught.value) == (
        f"The archive is one part of several: {tmp_path / name}. Unpack it yourself and use dataset=folder. A program "
        f"such as 7-Zip joins the parts: 7z x {first}"
    )


def test_the_classes_themselves_as_paths(tmp_path: Path) -> None:
    made(tmp_path, "samples/{Class 1,Class 2,Class 3}/{1,2}.jpg")
    paths = ",".join(f"{tmp_path}/samples/Class {number}" for number in (1, 3))
    with pytest.raises(BadInput) as caught:
        files_of(config_of(["dataset=folder", f"dataset.path=[{paths}]"]).dataset)
    assert "contain images but no class folders" in str(caught.value)
    assert advised(str(caught.value), "the classes: ").classes == ("Class 1", "Class 3")


def test_archives_of_one_class_each(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        with zipfile.ZipFile(tmp_path / f"{name}-samples.zip", "w") as opened:
            opened.writestr("1.jpg", b"1")
    paths = ",".join(f"{tmp_path}/{name}-samples.zip" for name in ("cat", "dog"))
    with pytest.raises(BadInput) as caught:
        files_of(config_of(["dataset=archive", f"dataset.path=[{paths}]"]).dataset)
    assert str(caught.value) == (
        f"The folders or archives in dataset.path contain images but no class folders: {paths.replace(',', ', ')}. "
        "Unpack each into a folder of its own, these into one folder, and use dataset=folder."
    )


def test_folders_inside_the_classes_of_a_split_are_told(tmp_path: Path) -> None:
    listing = list_images(made(tmp_path, "{train,test}/0/{0,1}/1.jpg", "{train,test}/f/{2,a}/1.jpg", "train.csv"), HERE)
    assert listing.classes == ("0", "f")
    assert listing.reading == ("folders inside a class belong to it: train/0/0, train/0/1, train/f/2, ...",)


@pytest.mark.parametrize(("name", "split"), [("trainval", TRAIN), ("train_mini", TRAIN)])
def test_other_words_for_splits(name: str, split: int) -> None:
    assert split_of(name) == split
