"""Settings of every folder source: classes, include, symlinks, pattern, several folders."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.config import patterns
from catsdogs_exp.config.checks.dataset_checks import compiled_pattern
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.data.sources.listing import TRAIN, UNDECIDED, VALIDATION, Listing, list_images
from catsdogs_exp.data.sources.registry import SOURCES, check_source, files_of
from catsdogs_exp.data.sources.selection import Selection
from catsdogs_exp.data.sources.wording import counted
from catsdogs_exp.errors import BadInput

PATTERN = r"^(?P<class>cat|dog)\.\d+\.jpg$"


def touch(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


def listed(root: Path, **options: object) -> dict[str, str]:
    """Path -> class."""
    return classes_of(list_images(root, Selection(**options)))  # type: ignore[arg-type]


def classes_of(listing: Listing) -> dict[str, str]:
    return dict(zip(listing.paths.tolist(), (listing.classes[i] for i in listing.labels.tolist()), strict=True))


def splits_of(listing: Listing) -> dict[str, int]:
    return dict(zip(listing.paths.tolist(), listing.splits.tolist(), strict=True))


def refusal(root: Path, **options: object) -> str:
    with pytest.raises(BadInput) as caught:
        listed(root, **options)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    return touch(tmp_path / "pets", "cat/1.jpg", "cat/2.png", "kitten/1.jpg", "dog/old/1.jpg", "horse/1.jpg")


def test_every_source_of_the_schema_is_known() -> None:
    from catsdogs_exp.config.schema.datasets import DATASETS

    assert set(SOURCES) == set(DATASETS)


# classes


def test_classes_are_picked(pets: Path) -> None:
    assert set(listed(pets, classes={"cat": "cat", "dog": "dog"}).values()) == {"cat", "dog"}


def test_classes_are_renamed_and_merged(pets: Path) -> None:
    assert listed(pets, classes={"kitten": "cat", "cat": "cat", "dog": "hound"}) == {
        "cat/1.jpg": "cat",
        "cat/2.png": "cat",
        "kitten/1.jpg": "cat",
        "dog/old/1.jpg": "hound",
    }


def test_an_unknown_class_is_told_what_there_is(pets: Path) -> None:
    assert refusal(pets, classes={"cat": "cat", "dgo": "dog"}) == (
        f"dataset.classes names a class that does not exist: dgo. Did you mean dog? The classes in {pets}: "
        "cat, dog, horse, kitten."
    )


def test_one_class_is_not_enough_after_merging(pets: Path) -> None:
    assert refusal(pets, classes={"cat": "pet", "dog": "pet"}) == (
        f"Classification needs images of at least two classes, one folder each. Received one: 'pet' in {pets}."
    )


def test_an_empty_class_that_is_not_picked_is_no_trouble(pets: Path) -> None:
    (pets / "empty").mkdir()
    assert "The class folder 'empty' contains no images" in refusal(pets)
    assert len(listed(pets, classes={"cat": "cat", "dog": "dog"})) == 3


def test_classes_on_the_command_line(pets: Path) -> None:
    def chosen(text: str) -> set[str]:
        found = files_of(config_of(["dataset=folder", f"dataset.path={pets}", f"dataset.classes={text}"]).dataset)
        return set(found.classes)

    assert chosen("{kitten: cat, cat: cat, dog: dog}") == {"cat", "dog"}
    assert chosen("[dog,horse]") == {"dog", "horse"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "cat",
            "dataset.classes must be a list of different names, [cat,dog], or old names with new ones, "
            "{kitten: cat, dog: dog}. Received: dataset.classes=cat",
        ),
        (
            "[cat,cat]",
            "dataset.classes must be a list of different names, [cat,dog], or old names with new ones, "
            "{kitten: cat, dog: dog}. Received: dataset.classes=[cat,cat]",
        ),
        ("{cat: ''}", "dataset.classes must contain names. Received: dataset.classes={cat: ''}"),
    ],
)
def test_what_is_no_choice_of_classes(text: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        config_of(["dataset=folder", "dataset.path=x", f"dataset.classes={text}"])
    assert str(caught.value) == message


# include


@pytest.mark.parametrize(
    ("include", "taken"),
    [
        (["*.jpg"], ["cat/1.jpg", "dog/1.jpg", "dog/old/2.jpg"]),
        (["cat/*", "dog/*"], ["cat/1.jpg", "cat/2.png", "cat/[3].gif", "dog/1.jpg"]),
        (["**/*.jpg"], ["cat/1.jpg", "dog/1.jpg", "dog/old/2.jpg"]),
        (["cat/**", "dog/**"], ["cat/1.jpg", "cat/2.png", "cat/[3].gif", "dog/1.jpg", "dog/old/2.jpg"]),
        (["[12].???"], ["cat/1.jpg", "cat/2.png", "dog/1.jpg", "dog/old/2.jpg"]),
        (["[!1].*"], ["cat/2.png", "dog/old/2.jpg"]),
        (["*[3]*", "dog/1.jpg"], ["cat/[3].gif", "dog/1.jpg"]),
        (["./*/1.jpg"], ["cat/1.jpg", "dog/1.jpg"]),
    ],
)
def test_files_are_taken_by_glob_patterns(tmp_path: Path, include: list[str], taken: list[str]) -> None:
    root = touch(tmp_path, "cat/1.jpg", "cat/2.png", "cat/[3].gif", "dog/1.jpg", "dog/old/2.jpg")
    listing = list_images(root, Selection(include=tuple(include)))
    assert listing.paths.tolist() == taken
    left = 5 - len(taken)
    assert listing.notes == ((f"{counted(left, 'file')} that do not match dataset.include",) if left else ())


def test_a_class_without_included_files_is_refused(pets: Path) -> None:
    assert refusal(pets, include=("*.png",)) == (
        f"The class folder 'dog' contains no images that match dataset.include: {pets}/dog. "
        "Include more, or select other classes with dataset.classes."
    )


@given(st.text("ab*?[]!^/\\.-{}+$()|", max_size=8), st.text("ab/", max_size=6))
def test_any_glob_pattern_can_be_asked(glob: str, path: str) -> None:
    try:
        Selection(include=(glob,)).takes(path)
    except BadInput as error:
        assert "dataset.include" in str(error)


def test_a_glob_pattern_that_is_none(pets: Path) -> None:
    assert refusal(pets, include=("*.jpg", "[z-a].jpg")) == (
        "dataset.include must be glob patterns such as '*.jpg': bad character range z-a. Received: '[z-a].jpg'"
    )


# symlinks


def test_links_are_followed_also_out_of_the_folder(tmp_path: Path) -> None:
    elsewhere = touch(tmp_path / "elsewhere", "deep/1.jpg", "2.jpg")
    root = touch(tmp_path / "pets", "dog/1.jpg", "cat/3.jpg")
    (root / "cat" / "linked").symlink_to(elsewhere)
    (root / "cat" / "file.jpg").symlink_to(elsewhere / "2.jpg")
    (root / "bird").symlink_to(elsewhere)
    assert set(listed(root)) == {
        "bird/2.jpg",
        "bird/deep/1.jpg",
        "cat/3.jpg",
        "cat/file.jpg",
        "cat/linked/2.jpg",
        "cat/linked/deep/1.jpg",
        "dog/1.jpg",
    }
    listing = list_images(root, Selection(symlinks="skip"))
    assert listing.paths.tolist() == ["cat/3.jpg", "dog/1.jpg"]
    assert listing.notes == ("3 symbolic links (dataset.symlinks=skip)",)


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    root = touch(tmp_path / "pets", "dog/1.jpg", "cat/home/3.jpg")
    (root / "cat" / "home" / "up").symlink_to(root / "cat")
    (root / "dog" / "all").symlink_to(root)
    (root / "dog" / "itself").symlink_to("itself")
    listing = list_images(root)
    assert listing.paths.tolist() == ["cat/home/3.jpg", "dog/1.jpg", "dog/itself"]
    assert listing.notes == ("2 links to a folder around it",)


def test_many_folders_that_link_to_each_other_end_soon(tmp_path: Path) -> None:
    for number in range(12):
        touch(tmp_path, f"cat/{number}/1.jpg")
        for other in range(12):
            (tmp_path / "cat" / str(number) / f"to{other}").symlink_to(tmp_path / "cat" / str(other))
    touch(tmp_path, "dog/1.jpg")
    assert len(listed(tmp_path)) == 13


def test_a_wrapping_folder_that_is_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    root, other = tmp_path / "pets", tmp_path / "other"
    root.mkdir()
    other.mkdir()
    (root / "pets").symlink_to(other)
    (other / "pets").symlink_to(root)
    assert refusal(root) == (
        f"The folder of images is a link to a parent folder: {root}/pets/pets. Set dataset.symlinks=skip"
    )
    (root / "pets").unlink()
    (root / "pets").symlink_to(root)
    assert refusal(root).startswith(f"The folder of images contains nothing: {root}.")


def test_a_link_to_nowhere_is_left_to_inspection(tmp_path: Path) -> None:
    root = touch(tmp_path, "dog/1.jpg", "cat/3.jpg")
    (root / "cat" / "gone.jpg").symlink_to(root / "nowhere")
    assert "cat/gone.jpg" in listed(root)
    assert "cat/gone.jpg" not in listed(root, symlinks="skip")


def test_a_pipe_is_no_picture(tmp_path: Path) -> None:
    touch(tmp_path, "dog/1.jpg", "cat/3.jpg")
    os.mkfifo(tmp_path / "cat" / "pipe.jpg")
    (tmp_path / "dog" / "pipe.jpg").symlink_to(tmp_path / "cat" / "pipe.jpg")
    listing = list_images(tmp_path)
    assert len(listing.paths) == 2
    assert listing.notes == ("1 special file: pipe, socket or device", "1 link to a pipe, socket or device")


def test_folders_may_be_deep(tmp_path: Path) -> None:
    touch(tmp_path, "dog/1.jpg", "cat/" + "a/" * 300 + "1.jpg")
    assert len(listed(tmp_path)) == 2


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "dog/1.jpg", "cat/secret/1.jpg")
    scan = os.scandir

    def refuse(place: object) -> object:
        if str(place).endswith("secret"):
            raise PermissionError(13, "Permission denied")
        return scan(place)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", refuse)
    assert refusal(tmp_path) == f"A folder of images cannot be read: Permission denied: {tmp_path}/cat/secret"


# pattern


def test_the_class_in_the_file_name(tmp_path: Path) -> None:
    root = touch(tmp_path, "cat.1.jpg", "cat.2.jpg", "dog.1.jpg", "sub/dog.7.jpg", "readme.md", ".cat.3.jpg")
    listing = list_images(root, Selection(pattern=PATTERN))
    assert classes_of(listing) == {"cat.1.jpg": "cat", "cat.2.jpg": "cat", "dog.1.jpg": "dog", "sub/dog.7.jpg": "dog"}
    assert listing.splits.tolist() == [UNDECIDED] * 4
    assert listing.notes == (
        "1 file (name does not match dataset.pattern): readme.md",
        "1 hidden or left behind by a system or program: .cat.3.jpg",
    )


def test_the_layout_of_the_kaggle_competition(tmp_path: Path) -> None:
    root = touch(tmp_path, "dogs-vs-cats/train/cat.1.jpg", "dogs-vs-cats/train/dog.1.jpg")
    touch(tmp_path, "dogs-vs-cats/test1/1.jpg", "dogs-vs-cats/sampleSubmission.csv", "dogs-vs-cats/valid/cat.9.jpg")
    assert splits_of(list_images(root, Selection(pattern=PATTERN))) == {
        "train/cat.1.jpg": TRAIN,
        "train/dog.1.jpg": TRAIN,
        "valid/cat.9.jpg": VALIDATION,
    }


def test_pattern_and_classes_go_together(tmp_path: Path) -> None:
    root = touch(tmp_path, "cat.1.jpg", "dog.1.jpg", "fox.1.jpg")
    assert listed(root, pattern=r"(?P<class>\w+)\.", classes={"cat": "tame", "dog": "tame", "fox": "wild"}) == {
        "cat.1.jpg": "tame",
        "dog.1.jpg": "tame",
        "fox.1.jpg": "wild",
    }


def test_a_pattern_that_matches_nothing(tmp_path: Path) -> None:
    root = touch(tmp_path, *(f"img{number}.jpg" for number in range(9)))
    assert refusal(root, pattern=PATTERN) == (
        f"dataset.pattern matches none of the 9 file names in {root}, such as 'img0.jpg', 'img1.jpg', 'img2.jpg'. "
        f"Received: {PATTERN!r}"
    )


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "dataset.pattern must be a regular expression: missing ), unterminated subpattern at position 0. "),
        ("cat", "dataset.pattern must have a group for the class, such as '(?P<class>[a-z]+)'. "),
        (
            "(?P<class>((a{100}){100}){100})",
            "dataset.pattern must be a regular expression: the product of its counts, as in {8}",
        ),
    ],
)
def test_what_is_no_pattern(pattern: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        compiled_pattern(pattern)
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith(f"Received: {pattern!r}")


@pytest.mark.parametrize("pattern", [PATTERN, "(?P<class>[a-z]+)_[0-9]+", "(?P<class>(?:cat){2})", "(?P<class>a?)+b"])
def test_what_is_a_pattern(pattern: str) -> None:
    assert "class" in compiled_pattern(pattern).groups


def test_a_pattern_that_would_never_end_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "SECONDS", 0.1)
    root = touch(tmp_path, *(f"{'a' * 120}{number}b.jpg" for number in range(3)))
    began = time.monotonic()
    message = refusal(root, pattern="^(?P<class>(a|a)*)[.]jp")
    assert message.startswith(f"dataset.pattern takes too long: more than 0.1 s, the last of it on '{'a' * 80}'. ")
    assert "Received: '^(?P<class>(a|a)*)[.]jp'. Avoid nested repetition" in message
    assert time.monotonic() - began < 60


def test_a_glob_of_many_stars_is_answered_at_once(tmp_path: Path) -> None:
    root = touch(tmp_path, *(f"{folder}/{'a' * 120}{number}b.jpg" for folder in "xy" for number in range(3)))
    began = time.process_time()
    assert refusal(root, include=("*[ab]" * 20 + "*[xy]",)).startswith("The class folder 'x' contains no images that")
    assert time.process_time() - began < 5


def test_a_pattern_on_the_command_line(tmp_path: Path) -> None:
    root = touch(tmp_path, "cat.1.jpg", "dog.1.jpg")
    words = ["dataset=folder", f"dataset.path={root}", rf'dataset.pattern="{PATTERN}"']
    assert files_of(config_of(words).dataset).classes == ("cat", "dog")


# several together


def test_several_folders_together(tmp_path: Path, cache: Path) -> None:
    touch(tmp_path / "a" / "pets", "cat/1.jpg", "dog/1.jpg")
    touch(tmp_path / "b" / "pets", "cat/1.jpg", "bird/1.jpg")
    touch(tmp_path / "c", "inner/train/cat/1.jpg", "inner/val/cat/2.jpg")
    paths = f"[{tmp_path}/a/pets,{tmp_path}/b/pets,{tmp_path}/c]"
    dataset = config_of(["dataset=folder", f"dataset.path={paths}"]).dataset
    check_source(dataset)
    listing = files_of(dataset)
    assert classes_of(listing) == {
        "c/inner/train/cat/1.jpg": "cat",
        "c/inner/val/cat/2.jpg": "cat",
        "pets/cat/1.jpg": "cat",
        "pets/dog/1.jpg": "dog",
        "pets-2/bird/1.jpg": "bird",
        "pets-2/cat/1.jpg": "cat",
    }
    assert splits_of(listing)["c/inner/val/cat/2.jpg"] == VALIDATION
    assert splits_of(listing)["pets/cat/1.jpg"] == UNDECIDED
    assert all((listing.root / path).is_file() for path in listing.paths.tolist())
    assert listing.root.is_relative_to(cache)
    assert files_of(dataset).root == listing.root


def test_one_class_each_is_enough_together(tmp_path: Path, cache: Path) -> None:
    touch(tmp_path / "a", "cat/1.jpg")
    touch(tmp_path / "b", "dog/1.jpg")
    dataset = config_of(["dataset=folder", f"dataset.path=[{tmp_path}/a,{tmp_path}/b]"]).dataset
    assert files_of(dataset).classes == ("cat", "dog")


def test_a_folder_twice_and_a_missing_one_are_refused(tmp_path: Path, cache: Path) -> None:
    touch(tmp_path / "a", "cat/1.jpg", "dog/1.jpg")
    with pytest.raises(BadInput) as caught:
        files_of(config_of(["dataset=folder", f"dataset.path=[{tmp_path}/a,{tmp_path}/a/]"]).dataset)
    assert str(caught.value) == f"dataset.path must name different folders or archives. Received twice: {tmp_path}/a"
    with pytest.raises(BadInput) as caught:
        check_source(config_of(["dataset=folder", f"dataset.path=[{tmp_path}/a,{tmp_path}/b]"]).dataset)
    assert str(caught.value) == f"dataset.path must be a folder of images. There is none at: {tmp_path}/b"


def test_several_archives_together(photo_folder: Callable[..., Path], tmp_path: Path, cache: Path) -> None:
    paths = []
    for name in ("one", "two"):
        root = photo_folder({"cats": 2, "dogs": 1}, name=name)
        paths.append(shutil.make_archive(str(tmp_path / f"{name}.v1"), "zip", root.parent, root.name))
    listing = files_of(config_of(["dataset=archive", f"dataset.path=[{','.join(paths)}]"]).dataset)
    assert len(listing.paths) == 6
    assert {path.split("/")[0] for path in listing.paths.tolist()} == {"one", "two"}
