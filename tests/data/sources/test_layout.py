"""How folders are read: common layouts, and ambiguous ones."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.data.sources.alike import joined_names
from catsdogs_exp.data.sources.file_names import class_before_number, classes_in_names
from catsdogs_exp.data.sources.listing import TEST, TRAIN, UNDECIDED, VALIDATION, Listing, list_images
from catsdogs_exp.data.sources.registry import files_of
from catsdogs_exp.data.sources.selection import Selection
from catsdogs_exp.data.sources.split_names import UNLABELLED, affixed, split_of
from catsdogs_exp.errors import BadInput

NAMES = {TRAIN: "train", VALIDATION: "validation", TEST: "test", UNDECIDED: ""}


def expanded(pattern: str) -> list[str]:
    """Expands `{a,b}/1.jpg` to `a/1.jpg`, `b/1.jpg`, as a shell does."""
    before, brace, rest = pattern.partition("{")
    if not brace:
        return [pattern]
    names, _, after = rest.partition("}")
    return [path for name in names.split(",") for path in expanded(f"{before}{name}{after}")]


def made(root: Path, *patterns: str) -> Path:
    """Creates empty files, which suffice because listing only looks at names; `a/` is an empty folder."""
    for path in (path for pattern in patterns for path in expanded(pattern)):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).mkdir(exist_ok=True) if path.endswith("/") else (root / path).touch()
    return root


def parts(listing: Listing) -> dict[str, set[str]]:
    """`{"train": {"cat", "dog"}, ...}`."""
    found: dict[str, set[str]] = {}
    for label, split in zip(listing.labels.tolist(), listing.splits.tolist(), strict=True):
        found.setdefault(NAMES[split], set()).add(listing.classes[label])
    return found


def used(listing: Listing) -> set[str]:
    return set(listing.paths.tolist())


def refusal(root: Path, **options: object) -> str:
    with pytest.raises(BadInput) as caught:
        list_images(root, Selection(**options))  # type: ignore[arg-type]
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value).replace(str(root), "ROOT")


PETS = {"cat", "dog"}


@pytest.mark.parametrize(
    ("files", "expected", "reading", "skipped"),
    [
        pytest.param(
            ["train/{cat,dog}/1.jpg", "val/{cat,dog}/1.jpg", "valid/{cat,dog}/1.jpg"],
            {"train": PETS, "validation": PETS},
            ["val and valid are together taken as validation"],
            [],
            id="two folders for one split",
        ),
        pytest.param(
            ["pets/{cat,dog}/1.jpg", "pets-test-set/{cat,dog}/1.jpg"],
            {"train": PETS, "test": PETS},
            ["pets is taken as train", "pets-test-set is taken as test"],
            [],
            id="a test set named after its training set",
        ),
        pytest.param(
            ["cat-or-dog/{cat,dog}/1.jpg", "validation-cat-or-dog/{cat,dog}/1.jpg"],
            {"train": PETS, "validation": PETS},
            ["cat-or-dog is taken as train", "validation-cat-or-dog is taken as validation"],
            [],
            id="a validation set named after its training set",
        ),
        pytest.param(
            ["blood/1.jpg", "blood_test/1.jpg", "urine_test/1.jpg"],
            {"": {"blood", "blood_test", "urine_test"}},
            [],
            [],
            id="classes that are named like that",
        ),
        pytest.param(
            ["train/{cat,dog}/1.jpg", "dev/{cat,dog}/1.jpg"],
            {"train": PETS, "validation": PETS},
            ["dev is taken as validation"],
            [],
            id="dev",
        ),
        pytest.param(
            ["train/{cat,dog}/1.jpg", "test/{1,2}.jpg"],
            {"train": PETS},
            [],
            ["the folder test with 2 files: no class folders in it, so its images have no labels"],
            id="a flat test folder",
        ),
        pytest.param(
            ["train/{cat,dog}/1.jpg", "test/unknown/{1,2}.jpg"],
            {"train": PETS},
            [],
            ["the folder test with 2 files: unknown in it is not a class of train, so its images have no labels"],
            id="a test folder of one class that is none",
        ),
        pytest.param(
            ["train/{cat,dog}/images/1.jpg", "val/images/1.jpg", "val/val_annotations.txt", "test/images/{1,2}.jpg"],
            {"train": PETS},
            [],
            [
                "the folder test with 2 files: no class folders in it, so its images have no labels",
                "the folder val with 2 files: no class folders in it, so its images have no labels",
            ],
            id="Tiny ImageNet",
        ),
        pytest.param(
            ["Train/{cat,dog}/1.jpg", "Test/{cat,dog}/1.jpg", "Unlabelled/{cat,dog}/1.jpg"],
            {"train": PETS, "test": PETS},
            [],
            ["the folder Unlabelled with 2 files: unlabelled"],
            id="unlabelled images with folders",
        ),
        pytest.param(
            ["{cat,dog}/1.jpg", "unlabeled/{1,2,3}.jpg"],
            {"": PETS},
            [],
            ["the folder unlabeled with 3 files: unlabelled"],
            id="unlabelled images beside classes",
        ),
        pytest.param(
            ["train/{cat,dog,unlabelled}/1.jpg", "test/{cat,dog}/1.jpg"],
            {"train": PETS, "test": PETS},
            [],
            ["the folder train/unlabelled with 1 file: unlabelled"],
            id="unlabelled images beside the classes of a split",
        ),
        pytest.param(
            ["labelled/{cat,dog}/1.jpg", "unlabelled/1.jpg"],
            {"": PETS},
            ["the data is in the folder labelled"],
            ["folders next to the data: unlabelled"],
            id="labelled and unlabelled",
        ),
        pytest.param(
            ["train/{cat,dog}/1.jpg", "val/{cat,dog}/1.jpg", "holdout/{cat,dog}/1.jpg", "meta/{1,2}.png", "test/"],
            {"train": PETS, "validation": PETS},
            [],
            [
                "the folder meta with 2 files: next to test, train, val",
                "the folder holdout with 2 files: next to train, val",
                "the folder test: it is empty",
            ],
            id="folders beside splits",
        ),
        pytest.param(
            ["train/{cat,dog}/1.jpg", "docs/{1,2}.png"],
            {"train": PETS},
            [],
            ["the folder docs with 2 files: next to train"],
            id="documentation beside train",
        ),
        pytest.param(
            ["{cat,dog}/train/1.jpg", "{cat,dog}/val/2.jpg", "cat/notes.txt"],
            {"train": PETS, "validation": PETS},
            ["the class folders contain the splits: cat/train, cat/val"],
            ["1 file next to the folders in cat: notes.txt"],
            id="class/split",
        ),
        pytest.param(
            ["{cat,dog}_train/1.jpg", "{cat,dog}_test/1.jpg"],
            {"train": PETS, "test": PETS},
            ["the folder names contain class and split: cat_test, cat_train, dog_test, ..."],
            [],
            id="class_split",
        ),
        pytest.param(
            ["seg_train/seg_train/{cat,dog}/1.jpg", "seg_test/seg_test/{cat,dog}/1.jpg", "seg_pred/seg_pred/{1,2}.jpg"],
            {"train": PETS, "test": PETS},
            ["seg_train is taken as train", "seg_test is taken as test"],
            ["the folder seg_pred with 2 files: next to seg_test, seg_train"],
            id="the natural scenes of Intel",
        ),
        pytest.param(
            ["training_set/training_set/{cat,dog}/1.jpg", "test_set/test_set/{cat,dog}/1.jpg"],
            {"train": PETS, "test": PETS},
            [],
            [],
            id="split folders twice",
        ),
        pytest.param(
            ["{cat,dog}/1.jpg", "test/{cat,dog}/2.jpg"],
            {"": PETS, "test": PETS},
            [],
            [],
            id="classes to train on beside test",
        ),
        pytest.param(
            ["train/{cat,dog}/1.jpg", "val/{Cat,DOG}/1.jpg"],
            {"train": PETS, "validation": PETS},
            ["cat and Cat are treated as one class: cat", "dog and DOG are treated as one class: dog"],
            [],
            id="case differs between splits",
        ),
        pytest.param(
            ["{Cat,cat,dog}/1.jpg"],
            {"": {"Cat", "cat", "dog"}},
            [
                "Cat and cat differ only in case or spaces and are separate classes; to merge them: "
                "'dataset.classes={Cat: Cat, cat: Cat, ...}' with all other classes"
            ],
            [],
            id="case differs within a folder",
        ),
        pytest.param(
            ["{Parasitized,Uninfected}/1.png", "cell_images/{Parasitized,Uninfected}/1.png"],
            {"": {"Parasitized", "Uninfected"}},
            [],
            ["the folder cell_images with 2 files: it repeats the class folders next to it"],
            id="the classes once more inside",
        ),
        pytest.param(
            ["{cat,dog}/images/1.png", "{cat,dog}/masks/1.png"],
            {"": PETS},
            [],
            ["the folder cat/masks with 1 file: next to images", "the folder dog/masks with 1 file: next to images"],
            id="images beside masks",
        ),
        pytest.param(
            ["images/{cat,dog}/1.jpg", "annotations/{cat,dog}/1.xml", "README.md"],
            {"": PETS},
            [],
            ["1 folder without images: annotations", "1 file next to the folders: README.md"],
            id="images beside annotations",
        ),
        pytest.param(
            ["x/Dataset/{0,1,2}/1.jpg", "x/src/{a,b}.py", "x/docs/figure.png", "x/README.md", "x/.git/x"],
            {"": {"0", "1", "2"}},
            ["the data is in the folder x/Dataset"],
            [
                "folders next to the data: docs",
                "1 folder without images: src",
                "1 file next to the folders: README.md",
                "1 hidden or left behind by a system or program: .git/",
            ],
            id="a repository with code and documentation",
        ),
        pytest.param(
            ["{cat,dog}/1.jpg", "{a,b}.jpg"],
            {"": PETS},
            [],
            ["2 files next to the folders: a.jpg, b.jpg"],
            id="loose files",
        ),
        pytest.param(
            ["{.net,java,python}/1.jpg"],
            {"": {"java", "python"}},
            [],
            ["1 hidden or left behind by a system or program: .net/"],
            id="a class like a hidden folder",
        ),
        pytest.param(
            ["{cat,dog}/1.jpg", "{cat,dog}/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg", "@eaDir/x", "lost+found/"],
            {"": PETS},
            [],
            ["4 hidden or left behind by a system or program: @eaDir/ (3), lost+found/"],
            id="a disk of Synology",
        ),
        pytest.param(
            ["train/{cat,dog}.{0,1,2}.jpg", "test1/{1,2}.jpg", "sampleSubmission.csv"],
            {"train": PETS},
            ["classes from the file names: cat, dog (as in train/cat.0.jpg); dataset.pattern overrides this"],
            [
                "1 file next to the folders: sampleSubmission.csv",
                "2 files in test1 (no class in the name): 1.jpg, 2.jpg",
            ],
            id="the competition of Kaggle",
        ),
        pytest.param(
            ["x/train/train/{cat,dog}.{0,1}.jpg", "x/val/{cat,dog}.{7,8}.jpg", "x/docs/1.png"],
            {"train": PETS, "validation": PETS},
            ["classes from the file names: cat, dog (as in train/train/cat.0.jpg); dataset.pattern overrides this"],
            ["the folder docs with 1 file: next to train, val"],
            id="classes in the names of two splits",
        ),
        pytest.param(
            ["images/{great_pyrenees,Abyssinian}_{1,2,12}.jpg", "images/Abyssinian.mat", "annotations/trimaps/x.png"],
            {"": {"Abyssinian", "great_pyrenees"}},
            [
                "the data is in the folder images",
                "classes from the file names: Abyssinian, great_pyrenees (as in Abyssinian_1.jpg); "
                "dataset.pattern overrides this"
            ],
            ["folders next to the data: annotations", "1 file (no class in the name): Abyssinian.mat"],
            id="the pets of Oxford",
        ),
    ],
)  # fmt: skip
def test_what_people_have(
    tmp_path: Path, files: list[str], expected: dict[str, set[str]], reading: list[str], skipped: list[str]
) -> None:
    listing = list_images(made(tmp_path, *files))
    assert parts(listing) == expected
    assert list(listing.reading) == reading
    assert list(listing.notes) == skipped


@pytest.mark.parametrize(
    ("files", "message"),
    [
        pytest.param(
            ["{bus,car,train}/1.jpg"],
            "train may be a split or a class in ROOT: split.folders=classes takes bus, car and train as the classes; "
            "split.folders=splits takes bus and car as the classes, and leaves out train.",
            id="a class called train",
        ),
        pytest.param(
            ["{bus,car}/1.jpg", "train/{steam,electric}/1.jpg"],
            "train may be a split or a class in ROOT: split.folders=classes takes bus, car and train as the classes; "
            "split.folders=splits takes electric and steam in it as the classes, and leaves out bus and car.",
            id="a class called train with kinds of trains",
        ),
        pytest.param(
            ["{test,control}/1.jpg"],
            "test may be a split or a class in ROOT: split.folders=classes takes control and test as the classes; "
            "split.folders=splits takes control as the classes, and leaves out test.",
            id="a class called test",
        ),
        pytest.param(
            ["{bus,car}/1.jpg", "test/{a,b}/1.jpg"],
            "test may be a split or a class in ROOT: split.folders=classes takes bus, car and test as the classes; "
            "split.folders=splits takes bus and car as the classes to train on.",
            id="a test folder of other classes",
        ),
        pytest.param(
            ["{val,test}/{cat,dog}/1.jpg"],
            "There are no training images in ROOT: it contains test and val, but no folder train. Rename the one to "
            "train "
            "on; or set split.folders=merge, which pools all images and splits them again; or "
            "split.folders=classes, if test and val are the classes.",
            id="no train",
        ),
        pytest.param(
            ["train/{cat,dog}/1.jpg", "val/{cats,dogs}/1.jpg"],
            "val contains none of the classes of train in ROOT: cats and dogs there, cat and dog in train. Name its "
            "folders after the classes, or remove val.",
            id="other names in val",
        ),
        pytest.param(
            ["{2019,2020}/{cat,dog}/1.jpg"],
            "2019 and 2020 contain the same folders, cat and dog, in ROOT. To classify cat and dog: "
            "dataset.path=ROOT/2019, or together: dataset.path=[ROOT/2019,ROOT/2020]. To classify 2019 and 2020: "
            "split.folders=classes.",
            id="the same folders twice",
        ),
        pytest.param(
            ["{v1,v2}/{train,test}/{cat,dog}/1.jpg"],
            "v1 and v2 contain the same folders, cat and dog, in ROOT. To classify cat and dog: "
            "dataset.path=ROOT/v1, or together: dataset.path=[ROOT/v1,ROOT/v2]. To classify v1 and v2: "
            "split.folders=splits.",
            id="the same splits of the same classes twice",
        ),
        pytest.param(
            ["Dataset/{0,1,2,3,4}/1.jpg", "own/{1,2}.jpg", "README.md"],
            "Dataset contains folders that look like classes (0, 1, 2, 3, ...), next to own in ROOT: "
            "dataset.path=ROOT/Dataset. If Dataset and own are the classes: split.folders=classes.",
            id="a folder of classes beside one of images",
        ),
        pytest.param(
            ["{cats,dogs}_{train,test}/1.jpg", "fox/1.jpg"],
            "cats_test, cats_train, dogs_test and dogs_train may be splits or classes in ROOT: split.folders=classes "
            "takes cats_test, cats_train, dogs_test, dogs_train, ... as the classes; split.folders=splits takes "
            "cats and dogs as the classes, and these as their splits.",
            id="class_split, not for all",
        ),
        pytest.param(
            ["{train,valid,test}/images/1.jpg", "{train,valid,test}/labels/1.txt"],
            "The folders in ROOT contain no classes, only images. Expected one folder per class. images/ next to "
            "labels/ "
            "is a layout for object detection, in which images have no class; for a list of files and their "
            "classes use dataset=csv.",
            id="object detection",
        ),
        pytest.param(
            ["{train,test1}.zip", "sampleSubmission.csv"],
            "The folder of images contains no images, but 3 other files, such as sampleSubmission.csv: ROOT. Expected "
            "one folder per class: "
            "ROOT/cats/1.jpg, ROOT/dogs/2.jpg; or train/ and validation/ with those inside. For "
            "an archive in it: dataset=archive dataset.path=ROOT/train.zip.",
            id="archives",
        ),
        pytest.param(
            ["images/{1,2}.jpg", "annotations/{1,2}.png"],
            "The folder of images contains 2 files in images but no class folders: ROOT. Expected one folder per "
            "class: "
            "ROOT/cats/1.jpg, ROOT/dogs/2.jpg; or train/ and validation/ with those inside. With the class in the file "
            "names, set dataset.pattern.",
            id="flat images beside annotations",
        ),
        pytest.param(
            ["IMG_{0001,0002,0003}.jpg", "DSC_{0001,0002}.jpg"],
            "The folder of images contains 5 files but no class folders: ROOT. Expected one folder per class: "
            "ROOT/cats/1.jpg, ROOT/dogs/2.jpg; or train/ and validation/ with those inside. With the class in the file "
            "names, set dataset.pattern.",
            id="names that cameras give",
        ),
    ],
)
def test_what_is_asked_back(tmp_path: Path, files: list[str], message: str) -> None:
    assert refusal(made(tmp_path, *files), in_place=True) == message


def test_folders_with_splits_of_the_same_folders_can_be_the_classes(tmp_path: Path) -> None:
    listing = list_images(made(tmp_path, "{cat,dog}/{train,test}/{in,out}/1.jpg"), Selection(folders="splits"))
    assert parts(listing) == {"train": PETS, "test": PETS}


def test_in_an_archive_the_folder_inside_is_named(tmp_path: Path) -> None:
    root = made(tmp_path, "repo/Dataset/{0,1,2}/1.jpg", "repo/own/1.jpg")
    assert "next to own in ROOT/repo: dataset.folder=repo/Dataset. " in refusal(root)
    assert list_images(root, Selection(folder="repo/Dataset")).classes == ("0", "1", "2")
    assert refusal(root, folder="repo/None") == (
        "dataset.folder must be a folder in ROOT. Received: dataset.folder=repo/None. There: repo"
    )


VEHICLES = ["{bus,car}/1.jpg", "train/{steam,electric}/1.jpg"]
HELD_OUT = ["{val,test}/{cat,dog}/1.jpg"]
WHOLE = ["train/{cat,dog}/1.jpg", "test/{cat,dog}/1.jpg", "extra/{cat,dog}/1.jpg"]


@pytest.mark.parametrize(
    ("files", "folders", "expected"),
    [
        (["{bus,car,train}/1.jpg"], "classes", {"": {"bus", "car", "train"}}),
        (["{bus,car,train}/1.jpg"], "splits", {"": {"bus", "car"}}),
        (["{bus,car,train}/1.jpg"], "merge", {"": {"bus", "car"}}),
        (VEHICLES, "classes", {"": {"bus", "car", "train"}}),
        (VEHICLES, "splits", {"train": {"steam", "electric"}}),
        (VEHICLES, "merge", {"": {"steam", "electric"}}),
        (HELD_OUT, "classes", {"": {"val", "test"}}),
        (HELD_OUT, "merge", {"": PETS}),
        (WHOLE, "auto", {"train": PETS, "test": PETS}),
        (WHOLE, "merge", {"": PETS}),
        (WHOLE, "classes", {"": {"train", "test", "extra"}}),
        (["{cat,dog}/{train,val}/1.jpg"], "merge", {"": PETS}),
        (["{cat,dog}/{train,val}/1.jpg"], "classes", {"": PETS}),
        (["train/{cat,dog}.{1,2}.jpg", "test/{cat,dog}.{1,2}.jpg"], "merge", {"": PETS}),
        (["{2019,2020}/{cat,dog}/1.jpg"], "classes", {"": {"2019", "2020"}}),
        (["train/{steam,electric}/1.jpg"], "classes", {"": {"steam", "electric"}}),
    ],
)
def test_the_setting_decides(tmp_path: Path, files: list[str], folders: str, expected: dict[str, set[str]]) -> None:
    words = ["dataset=folder", f"dataset.path={made(tmp_path, *files)}"]
    listing = files_of(config_of(words).dataset, folders=folders)
    assert parts(listing) == expected


def test_nothing_is_lost_without_a_word(tmp_path: Path) -> None:
    for folders in ("splits", "merge", "classes"):
        listing = list_images(made(tmp_path, *VEHICLES), Selection(folders=folders))
        left = {"bus", "car"} - {path.split("/")[0] for path in used(listing)}
        assert all(any(f"the folder {name} with 1 file: " in note for note in listing.notes) for name in left)


def test_picked_classes_decide_too(tmp_path: Path) -> None:
    made(tmp_path, "{bus,car,train}/1.jpg")
    assert parts(list_images(tmp_path, Selection({"bus": "bus", "train": "train"}))) == {"": {"bus", "train"}}
    assert parts(list_images(tmp_path, Selection({"bus": "bus", "car": "car"}))) == {"": {"bus", "car"}}


def test_a_run_takes_the_setting(tmp_path: Path) -> None:
    from catsdogs_exp.data.open_data import gather

    words = ["dataset=folder", f"dataset.path={made(tmp_path, *HELD_OUT)}"]
    with pytest.raises(BadInput, match="no training images"):
        gather(config_of(words))
    with pytest.raises(BadInput, match="None of the 4 files"):  # they are empty
        gather(config_of([*words, "split.folders=merge"]))
    with pytest.raises(BadInput, match=r"split.folders must be one of auto, splits, classes, merge"):
        config_of([*words, "split.folders=no"])


def test_the_same_name_in_two_unicode_forms_is_one_class(tmp_path: Path) -> None:
    composed, taken_apart = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    made(tmp_path, f"train/{composed}/1.jpg", f"val/{taken_apart}/1.jpg", "{train,val}/thé/1.jpg")
    listing = list_images(tmp_path)
    assert listing.classes == (composed, "thé")
    assert listing.reading == ("café is written in 2 Unicode forms, which are treated as one class",)
    assert parts(list_images(tmp_path, Selection({"café": "a", "thé": "b"}))) == {
        "train": {"a", "b"},
        "validation": {"a", "b"},
    }


# names


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", TRAIN), ("Training", TRAIN), ("train_set", TRAIN), ("TrainImages", TRAIN), ("images-train", TRAIN),
        ("train1", TRAIN), ("training data", TRAIN), ("val", VALIDATION), ("VALID", VALIDATION), ("dev", VALIDATION),
        ("validation_set", VALIDATION), ("eval", VALIDATION), ("test1", TEST), ("Test", TEST), ("testing_set", TEST),
        ("unlabelled", UNLABELLED), ("Unlabeled_images", UNLABELLED),
        ("trains", None), ("bullet_train", None), ("contest", None), ("testament", None), ("value", None), ("", None),
        ("12", None), ("valet", None), ("device", None), ("trainer", None),
    ],
)  # fmt: skip
def test_names_of_splits(name: str, split: int | None) -> None:
    assert split_of(name) == split


def test_names_of_a_split_and_something_else() -> None:
    assert affixed(["seg_train", "seg_test", "seg_pred", "bullet_train"]) == {
        "seg_train": ("seg", TRAIN),
        "seg_test": ("seg", TEST),
    }
    assert affixed(["Train-cats", "val-cats"]) == {"Train-cats": ("cats", TRAIN), "val-cats": ("cats", VALIDATION)}
    assert affixed(["train", "test"]) == {}


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("cat.0.jpg", "cat"), ("cat_12.png", "cat"), ("cat (3).jpg", "cat"), ("cat12", "cat"), ("dog-7.JPEG", "dog"),
        ("great_pyrenees_102.jpg", "great_pyrenees"), ("hot dog 1.jpg", "hot dog"), ("猫1.jpg", "猫"),
        ("1.jpg", None), ("cat.jpg", None), ("IMG_0001.jpg", None), ("IMG 2.jpg", None), ("DSC00012.JPG", None),
        ("2020-01-01.jpg", None), ("IMG-20200101-WA0001.jpg", None), ("", None), ("a" * 300 + "1", None),
    ],
)  # fmt: skip
def test_the_class_before_the_number(name: str, cls: str | None) -> None:
    assert class_before_number(name) == cls


def test_a_folder_of_names_has_classes_only_where_nearly_all_have_one() -> None:
    assert classes_in_names(["cat1", "cat2", "dog1"]) is None
    assert classes_in_names(["cat1", "cat2", "dog1", "dog2"]) is not None
    assert classes_in_names(["cat1", "cat2", "dog1", "dog2", "notes.txt"]) is None
    many = [f"{name}.{number}.jpg" for name in ("cat", "dog") for number in range(10)]
    named = classes_in_names([*many, "copy 1.jpg", "notes.txt"])
    assert named is not None and named.classes == {"cat", "dog"}
    assert [named.class_in(name) for name in ("cat.99.jpg", "copy 1.jpg")] == ["cat", None]


words = st.text(st.sampled_from("aAbB éE\u0301"), min_size=1, max_size=3)


@given(st.lists(st.tuples(st.sampled_from(["train", "val"]), words), max_size=8))
def test_joined_names_keep_apart_what_stands_side_by_side(placed: list[tuple[str, str]]) -> None:
    used, notes = joined_names(placed)
    assert set(used) == {name for _, name in placed}
    for name, other in used.items():
        assert (
            unicodedata.normalize("NFC", name).strip().casefold()
            == unicodedata.normalize("NFC", other).strip().casefold()
        )
    for place in ("train", "val"):
        here = {unicodedata.normalize("NFC", name) for where, name in placed if where == place}
        assert len({used[name] for where, name in placed if where == place}) == len(here)
    assert bool(notes) == (len({unicodedata.normalize("NFC", n).strip().casefold() for n in used}) < len(used))


def test_a_link_to_a_folder_around_it_is_no_class(tmp_path: Path) -> None:
    made(tmp_path, "{cat,dog}/{1,2}.jpg")
    (tmp_path / "all").symlink_to(tmp_path)
    (tmp_path / "cat" / "up").symlink_to("..")
    listing = list_images(tmp_path, Selection())
    assert listing.classes == ("cat", "dog")
    assert used(listing) == {"cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/2.jpg"}
    assert "2 links to a folder around it" in listing.notes


def test_names_that_differ_in_spaces_are_joined_by_what_the_hint_says(tmp_path: Path) -> None:
    made(tmp_path, "{ cat,cat,dog}/1.jpg")
    (hint,) = list_images(tmp_path, Selection()).reading
    words = hint.partition("to merge them: '")[2].partition("' with all")[0].replace(", ...", ", dog: dog")
    dataset = config_of(["dataset=folder", f"dataset.path={tmp_path}", words]).dataset
    assert files_of(dataset).classes == ("cat", "dog")


def test_class_folders_without_images_say_what_they_hold(tmp_path: Path) -> None:
    assert refusal(made(tmp_path / "a", "cats/a.txt", "dogs/b.pdf")).startswith(
        "The folder of images contains no images, but 2 other files, such as cats/a.txt: ROOT."
    )
