import hashlib
import os
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from catsdogs_exp.data.images.file_identity import Identity
from catsdogs_exp.data.inspection import inspect as inspection
from catsdogs_exp.data.inspection.inspect import NOT_UTF8, inspect, inspect_file
from catsdogs_exp.data.inspection.verdict_store import open_store
from catsdogs_exp.data.inspection.verdicts import Verdict, columns, packed
from catsdogs_exp.data.sources.listing import list_images

PhotoFolder = Callable[..., Path]


@pytest.fixture
def inspected(cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were really read, from now on; the cache is empty at first."""
    names: list[str] = []
    really = inspection._inspect_one

    def spy(path: str, *others: Any) -> Verdict:
        names.append(Path(path).name)
        return really(path, *others)

    monkeypatch.setattr(inspection, "_inspect_one", spy)
    return names


def test_a_good_picture(save_photo: Callable[..., Path], photo: Callable[..., Image.Image], tmp_path: Path) -> None:
    path = save_photo(tmp_path / "1.jpg", (40, 30))
    data = path.read_bytes()
    verdict = inspect_file(path)
    assert replace(verdict, perceptual=0, mean=(0, 0, 0), std=(0, 0, 0), border=(0, 0, 0)) == Verdict(
        "",
        "",
        40,
        30,
        len(data),
        hashlib.sha256(data).hexdigest(),
        "JPEG",
        "RGB",
        jfif=6,
        quality=75,
        mean=(0, 0, 0),
        std=(0, 0, 0),
    )
    pixels = np.asarray(photo((40, 30)), dtype=float).reshape(-1, 3)
    assert verdict.perceptual != 0
    np.testing.assert_allclose(verdict.mean, pixels.mean(axis=0), atol=3)
    np.testing.assert_allclose(verdict.std, pixels.std(axis=0), atol=6)


def test_sizes_are_those_of_the_upright_picture(photo: Callable[..., Image.Image], tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo((40, 30)).save(tmp_path / "1.jpg", exif=exif)
    verdict = inspect_file(tmp_path / "1.jpg")
    assert (verdict.width, verdict.height, verdict.note) == (30, 40, "EXIF orientation 6")


def test_an_odd_but_usable_picture_has_a_note(photo: Callable[..., Image.Image], tmp_path: Path) -> None:
    photo().convert("L").save(tmp_path / "1.jpg", "PNG")
    verdict = inspect_file(tmp_path / "1.jpg")
    assert (verdict.reason, verdict.note) == ("", "named .jpg, is PNG, grey")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"hello", "not an image"), (b"\xff\xd8\xff\xe0", "not an image")],
)
def test_a_bad_file_has_a_reason_and_its_digest(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "1.jpg").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    assert inspect_file(tmp_path / "1.jpg") == Verdict(reason, "", 0, 0, len(content), digest)


def test_a_truncated_picture(save_photo: Callable[..., Path], tmp_path: Path) -> None:
    path = save_photo(tmp_path / "1.jpg")
    path.write_bytes(path.read_bytes()[:-100])
    assert inspect_file(path).reason == "truncated"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").symlink_to(tmp_path / "gone.jpg")
    assert inspect_file(tmp_path / "1.jpg") == Verdict("cannot be read: No such file or directory", "", 0, 0, 0, "")


def test_a_listing_is_inspected_in_its_order(photo_folder: PhotoFolder, cache: Path) -> None:
    root = photo_folder({"cats": 3, "dogs": 2})
    (root / "cats" / "cat.1.jpg").write_bytes(b"")
    Image.new("RGB", (7, 5)).save(root / "dogs" / "dog.0.jpg", "PNG")
    verdicts = inspect(list_images(root), workers=3)
    assert verdicts.reason.tolist() == ["", "empty", "", "", ""]
    assert verdicts.note.tolist() == ["", "", "", "named .jpg, is PNG", ""]
    assert verdicts.width.tolist() == [24, 0, 24, 7, 24]
    assert verdicts.height.tolist() == [16, 0, 16, 5, 16]
    assert verdicts.size.tolist() == [path.stat().st_size for path in sorted(root.rglob("*.jpg"))]
    assert len(set(verdicts.sha256.tolist())) == 5


def test_progress_counts_what_is_really_inspected(photo_folder: PhotoFolder, cache: Path) -> None:
    listing = list_images(photo_folder({"cats": 3, "dogs": 2}))
    steps: list[tuple[str, int, int]] = []
    inspect(listing, progress=lambda *step: steps.append(step))
    assert steps[-1] == ("inspecting", 5, 5)
    steps.clear()
    inspect(listing, progress=lambda *step: steps.append(step))
    assert steps == []


def test_a_second_look_reads_no_file(photo_folder: PhotoFolder, inspected: list[str]) -> None:
    root = photo_folder()
    (root / "cats" / "cat.0.jpg").write_bytes(b"broken")
    first = inspect(list_images(root))
    assert len(inspected) == 8
    second = inspect(list_images(root))
    assert len(inspected) == 8
    for column in (field.name for field in fields(Verdict)):
        assert getattr(first, column).tolist() == getattr(second, column).tolist()
        assert getattr(first, column).dtype == getattr(second, column).dtype


def test_only_what_changed_is_inspected_anew(
    photo_folder: PhotoFolder, save_photo: Callable[..., Path], inspected: list[str]
) -> None:
    root = photo_folder()
    inspect(list_images(root))
    inspected.clear()
    changed = save_photo(root / "dogs" / "dog.2.jpg", (11, 12), seed=99)
    touched = root / "cats" / "cat.3.jpg"
    os.utime(touched, ns=(0, 0))
    save_photo(root / "cats" / "new.jpg")
    (root / "cats" / "cat.0.jpg").unlink()
    verdicts = inspect(list_images(root))
    assert sorted(inspected) == ["cat.3.jpg", changed.name, "new.jpg"]
    assert verdicts.width.tolist() == [24, 24, 24, 24, 24, 24, 11, 24]


def test_folders_of_like_names_are_kept_apart(photo_folder: PhotoFolder, inspected: list[str]) -> None:
    inspect(list_images(photo_folder(name="photos2", size=(9, 9))))
    inspected.clear()
    assert inspect(list_images(photo_folder(name="photos"))).width.tolist() == [24] * 8
    assert len(inspected) == 8


def test_a_passing_trouble_is_not_remembered(
    photo_folder: PhotoFolder, inspected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = list_images(photo_folder({"cats": 2, "dogs": 1}))
    really = inspection.read_file

    def troubled(path: str) -> tuple[bytes, Identity]:
        if path.endswith("cat.1.jpg"):
            raise OSError(5, "Input/output error")
        return really(path)

    with monkeypatch.context() as patch:
        patch.setattr(inspection, "read_file", troubled)
        assert inspect(listing).reason.tolist() == ["", "cannot be read: Input/output error", ""]
    inspected.clear()
    assert inspect(listing).reason.tolist() == ["", "", ""]
    assert inspected == ["cat.1.jpg"]


def test_a_link_whose_target_comes_back_is_inspected_anew(
    photo_folder: PhotoFolder, save_photo: Callable[..., Path], cache: Path
) -> None:
    root = photo_folder({"cats": 1, "dogs": 1})
    elsewhere = root.parent / "mounted" / "1.jpg"
    (root / "cats" / "link.jpg").symlink_to(elsewhere)
    assert inspect(list_images(root)).reason.tolist() == ["", "cannot be read: No such file or directory", ""]
    save_photo(elsewhere)
    assert inspect(list_images(root)).reason.tolist() == ["", "", ""]


def _store(cache: Path) -> Path:
    (store,) = cache.glob("verdicts-*.sqlite3")
    return store


def test_a_store_that_is_no_database_is_begun_anew(
    photo_folder: PhotoFolder, cache: Path, inspected: list[str]
) -> None:
    listing = list_images(photo_folder())
    first = inspect(listing)
    _store(cache).write_bytes(b"this is no database" * 100)
    assert inspect(listing).sha256.tolist() == first.sha256.tolist()
    assert len(inspected) == 16
    inspect(listing)
    assert len(inspected) == 16
    assert [path.suffix for path in cache.glob("*.damaged")] == [".damaged"]


def test_a_store_damaged_inside_is_begun_anew(photo_folder: PhotoFolder, cache: Path, inspected: list[str]) -> None:
    listing = list_images(photo_folder({"cats": 40, "dogs": 40}))
    first = inspect(listing)
    content = bytearray(_store(cache).read_bytes())
    assert len(content) > 3 * 4096
    content[4096:] = b"\xa5" * (len(content) - 4096)
    _store(cache).write_bytes(content)
    assert inspect(listing).sha256.tolist() == first.sha256.tolist()
    assert len(inspected) == 160
    inspect(listing)
    assert len(inspected) == 160


def test_a_verdict_changed_inside_the_store_is_made_anew(
    photo_folder: PhotoFolder, cache: Path, inspected: list[str]
) -> None:
    listing = list_images(photo_folder())
    first = inspect(listing)
    content = _store(cache).read_bytes()
    digest = bytes.fromhex(str(first.sha256[3]))
    assert content.count(digest) == 1
    _store(cache).write_bytes(content.replace(digest, bytes(32)))
    inspected.clear()
    assert inspect(listing).sha256.tolist() == first.sha256.tolist()
    assert inspected == ["cat.3.jpg"]
    inspect(listing)
    assert inspected == ["cat.3.jpg"]


def test_many_verdicts_are_kept_at_once(cache: Path) -> None:
    rows = {f"/a/{number}.jpg": bytes([number % 251]) * 9 for number in range(450)}
    with open_store() as store:
        store.remember(list(rows.items()))
    with open_store() as store:
        assert store.known("/a/") == rows
        assert store.known("/b/") == {}


def test_packed_verdicts_become_the_same_as_columns() -> None:
    digest = hashlib.sha256(b"x").hexdigest()
    good = Verdict("", "named .jpg, is PNG", 9, 8, 7, digest, "PNG", "RGBA", -1, -(2**63), (1.5, 2, 3), (4, 5, 255))
    good = replace(good, identity=(7, 2**62, 3, 2**63 - 1))
    bad = Verdict("cannot be read: Schlüssel", "", 0, 0, 0, "")
    made = columns(packed([good, bad, good]))
    for field in fields(Verdict):
        values = getattr(made, field.name).tolist()
        expected = [getattr(good, field.name), getattr(bad, field.name)]
        assert values == [list(v) if isinstance(v, tuple) else v for v in (*expected, expected[0])]
    empty = columns([])
    assert len(empty) == 0
    assert (empty.mean.shape, empty.sha256.tolist()) == ((0, 3), [])


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_nobody_may_read(photo_folder: PhotoFolder, cache: Path) -> None:
    root = photo_folder()
    (root / "cats" / "cat.0.jpg").chmod(0)
    assert inspect(list_images(root)).reason[0] == "cannot be read: Permission denied"


def test_a_file_that_may_not_be_read_has_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: str) -> tuple[bytes, Identity]:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(inspection, "read_file", denied)
    assert inspect_file(tmp_path / "1.jpg").reason == "cannot be read: Permission denied"


def test_a_name_that_is_not_utf8_is_left_out_with_a_reason(
    photo_folder: PhotoFolder, save_photo: Callable[..., Path], cache: Path
) -> None:
    root = photo_folder({"cats": 2, "dogs": 2})
    odd = root / "cats" / os.fsdecode(b"caf\xe9.jpg")
    try:
        (root / "cats" / "cat.0.jpg").rename(odd)
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    listing = list_images(root)
    found = dict(zip(listing.paths.tolist(), inspect(listing).reason.tolist(), strict=True))
    assert found == {r"cats/caf\xe9.jpg": NOT_UTF8, "cats/cat.1.jpg": "", "dogs/dog.0.jpg": "", "dogs/dog.1.jpg": ""}
    save_photo(root / "cats" / r"caf\xe9.jpg")  # a file that is really called so
    assert inspect(list_images(root)).reason.tolist() == [""] * 5


def test_a_higher_limit_of_pixels_lets_a_picture_in_again(
    photo_folder: PhotoFolder, save_photo: Callable[..., Path], inspected: list[str]
) -> None:
    root = photo_folder({"cats": 2, "dogs": 1})
    save_photo(root / "cats" / "cat.1.jpg", (50, 50))
    listing = list_images(root)
    low = inspect(listing, max_pixels=2000)
    assert (low.reason.tolist(), low.width.tolist()) == (["", "too large", ""], [24, 50, 24])
    inspected.clear()
    assert inspect(listing, max_pixels=2499).reason[1] == "too large"
    assert inspected == []
    assert inspect(listing, max_pixels=2500).reason.tolist() == ["", "", ""]
    assert inspected == ["cat.1.jpg"]


def test_an_interrupted_inspection_keeps_what_it_has(photo_folder: PhotoFolder, inspected: list[str]) -> None:
    listing = list_images(photo_folder({"cats": 100, "dogs": 100}))

    def stop(what: str, done: int, total: int) -> None:
        if done >= 64:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inspect(listing, workers=1, progress=stop)
    inspected.clear()
    inspect(listing)
    assert len(inspected) == 200 - 64
