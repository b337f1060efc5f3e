"""The images that words name: order, folders, patterns, lists, addresses."""

import io
from pathlib import Path

import pytest
from PIL import Image

from catsdogs_exp.data.sources.listing import list_images
from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference import image_names
from catsdogs_exp.inference.image_names import ImageNames, NamedImage
from catsdogs_exp.inference.web_images import Limits, WebImageError


@pytest.fixture
def names(tmp_path: Path) -> ImageNames:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return ImageNames(scratch, Limits())


def shown(images: list[NamedImage]) -> list[str]:
    return [image.name for image in images]


def test_the_order_of_the_words_is_kept(names: ImageNames, photo_folder) -> None:
    folder = photo_folder({"b": 2, "a": 11})
    last, first = str(folder / "a" / "a.9.jpg"), str(folder / "b" / "b.0.jpg")
    found = shown(names.images([last, str(folder / "a"), first, last]))
    assert found == [last, *(str(folder / "a" / f"a.{number}.jpg") for number in range(11)), first, last]


def test_a_folder_gives_what_training_lists(names: ImageNames, photo_folder, tmp_path: Path) -> None:
    folder = photo_folder({"cats": 2, "dogs/more": 2, "cats/.git": 1, "cats/@eaDir": 1})
    (folder / "dogs" / "cycle").symlink_to(folder)
    (folder / "cats" / "Thumbs.db").write_bytes(b"x")
    (folder / "cats" / "broken.jpg").symlink_to(tmp_path / "nowhere")
    listing = list_images(folder)
    assert shown(names.images([str(folder)])) == [str(folder / path) for path in listing.paths.tolist()]
    assert sorted(names.notes()) == sorted(listing.notes)


def test_patterns(names: ImageNames, photo_folder, save_photo) -> None:
    folder = photo_folder({"a": 3, "b": 1})
    save_photo(folder / "a" / "Thumbs.db.png").rename(folder / "a" / "Thumbs.db")
    in_a = [str(folder / "a" / f"a.{number}.jpg") for number in range(3)]
    assert shown(names.images([f"{folder}/a/*"])) == in_a
    assert names.notes() == ("1 file: hidden or left behind by a system or program",)
    assert shown(names.images([f"{folder}/?/*.[j]pg"])) == [*in_a, str(folder / "b" / "b.0.jpg")]
    assert len(names.images([f"{folder}/**"])) == 4
    assert shown(names.images([f"{folder}/[a-b]"])) == [*in_a, str(folder / "b" / "b.0.jpg")]
    (missing,) = names.images([f"{folder}/*.gif"])
    assert missing == NamedImage(f"{folder}/*.gif", folder / "*.gif", "no file matches this pattern")
    odd = save_photo(folder / "x[1].jpg")  # a name, not a pattern
    assert shown(names.images([str(odd)])) == [str(odd)]


def test_patterns_at_any_depth_follow_links_once_and_leave_clutter_out(names: ImageNames, photo_folder) -> None:
    folder = photo_folder({"cats": 2, "more/cats": 1, "dogs": 1, "cats/@eaDir": 1, ".git": 1})
    for number in range(3):  # followed again and again, three links have 3 ** 40 paths
        (folder / "cats" / f"back{number}").symlink_to(folder)
    cats = [f"{folder}/cats/cat.0.jpg", f"{folder}/cats/cat.1.jpg"]
    dogs, more = f"{folder}/dogs/dog.0.jpg", f"{folder}/more/cats/cat.0.jpg"
    assert sorted(shown(names.images([f"{folder}/**"]))) == sorted([*cats, dogs, more])
    assert sorted(names.notes()) == [
        "2 hidden or left behind by a system or program: .git/, @eaDir/",
        "3 links to a folder around it",
    ]
    assert sorted(shown(names.images([f"{folder}/**/cats"]))) == sorted([*cats, more])
    assert shown(names.images([f"{folder}/**/*.0.jpg"])) == [cats[0], dogs, more]
    assert shown(names.images([f"{folder}/[d-m]*/**/*.jpg"])) == [dogs, more]
    assert shown(names.images([f"{folder}/d*/**/dog.?.jpg"])) == [dogs]
    assert names.images([f"{folder}/**/*.gif"])[0].error == "no file matches this pattern"


def test_a_wildcard_does_not_stand_for_folders_of_clutter(names: ImageNames, photo_folder) -> None:
    folder = photo_folder({"cats": 1, "@eaDir": 1})
    assert shown(names.images([f"{folder}/*/*.jpg"])) == [f"{folder}/cats/cat.0.jpg"]
    assert shown(names.images([f"{folder}/@eaDir/*.jpg"])) == [f"{folder}/@eaDir/@eaDir.0.jpg"]  # typed: wanted


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_list_that_windows_wrote(names: ImageNames, save_photo, tmp_path: Path, encoding: str) -> None:
    photo = save_photo(tmp_path / "jörg.jpg")
    assert shown(names.images(["-"], f"{photo}\r\nb.jpg\r\n".encode(encoding))) == [str(photo), "b.jpg"]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"])
def test_an_image_on_standard_input_is_no_list(names: ImageNames, kind: str) -> None:
    content = io.BytesIO()
    Image.effect_noise((40, 30), 50).save(content, kind)
    with pytest.raises(BadInput, match=r"- stands for a list of names. Received: an image. To predict it, name its"):
        names.images(["-"], content.getvalue())


def test_names_are_as_typed(names: ImageNames, save_photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_photo(tmp_path / "a.jpg")
    typed = ["./a.jpg", "no//b.jpg", "a.jpg"]
    assert shown(names.images(typed)) == shown(names.images(["-"], "\n".join(typed).encode())) == typed


@pytest.mark.parametrize("word", ["file:///tmp/a.jpg", "ftp://host/a.jpg", "s3://bucket/*.jpg"])
def test_other_addresses_are_told_from_files(names: ImageNames, word: str) -> None:
    (image,) = names.images([word])
    assert (image.name, image.error) == (word, "not a file, nor an http or https address. Download it first")


def test_a_name_that_is_too_long_is_a_file_that_cannot_be_read(names: ImageNames) -> None:
    assert shown(names.images(["a" * 300, "b.jpg"], None)) == ["a" * 300, "b.jpg"]


@pytest.mark.parametrize(("end", "between"), [("\n", "\n"), ("", "\n"), ("", "\r\n"), ("\0", "\0")])
def test_a_list(names: ImageNames, photo_folder, end: str, between: str) -> None:
    folder = photo_folder({"a": 2, "b": 1})
    words = [f"{folder}/b/b.0.jpg", f"{folder}/a", f"{folder}/*.jpg"]
    listed = (between.join(words) + end).encode()
    found = shown(names.images(["first.jpg", "-", "last.jpg"], listed))
    # patterns are names in a list: whatever made it has expanded them
    assert found == ["first.jpg", words[0], f"{folder}/a/a.0.jpg", f"{folder}/a/a.1.jpg", words[2], "last.jpg"]


def test_names_in_a_list_may_hold_anything(names: ImageNames, tmp_path: Path) -> None:
    odd = tmp_path / "a\nb.jpg"
    odd.write_bytes(b"x")
    assert shown(names.images(["-"], str(odd).encode() + b"\0 x\0\xe9.jpg\0")) == [str(odd), " x", "\udce9.jpg"]


def test_no_images(names: ImageNames, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for words in (["-"], [str(tmp_path / "empty")]):
        with pytest.raises(BadInput, match=r"No files in: "):
            names.images(words, b"\n")


def test_addresses_are_downloaded_once_and_keep_their_place(
    names: ImageNames, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []

    def download(address: str, _: Limits) -> bytes:
        asked.append(address)
        if "missing" in address:
            raise WebImageError("cannot be downloaded: 404")
        return address.encode()

    monkeypatch.setattr(image_names, "download", download)
    words = ["HTTP://a/x.jpg", "b.jpg", "https://a/missing", "HTTP://a/x.jpg"]
    found = names.images(words)
    assert shown(found) == words
    assert sorted(asked) == ["HTTP://a/x.jpg", "https://a/missing"]
    assert found[0].path.read_bytes() == b"HTTP://a/x.jpg" and found[0] == found[3]
    assert found[0].path.parent == tmp_path / "scratch"
    assert [image.error for image in found] == ["", "", "cannot be downloaded: 404", ""]
