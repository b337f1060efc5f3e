import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from catsdogs_exp.config.schema import Config, Inspection, LoaderSettings, SplitSettings
from catsdogs_exp.data.images import pixel_cache, pixels, preparing
from catsdogs_exp.data.images.decoding import MAX_PIXELS
from catsdogs_exp.data.images.pixels import open_pixels
from catsdogs_exp.data.images.preparing import Preparation
from catsdogs_exp.data.inspection.inspect import inspect
from catsdogs_exp.data.manifest import Manifest, make_manifest
from catsdogs_exp.data.sources.listing import VALIDATION, list_images
from catsdogs_exp.errors import BadInput, RunFailed

CACHES = ("none", "memory", "disk")


def manifest_of(root: Path) -> Manifest:
    listing = list_images(root)
    inspection = Inspection("decode", 1, MAX_PIXELS, 0, "quarantine", "keep", "warn")
    return make_manifest(listing, inspect(listing), SplitSettings(0.2, 0.0, 0, None, 0, None), inspection)


@pytest.fixture
def manifest(photo_folder: Callable[..., Path], cache: Path) -> Manifest:
    """Cats and dogs of several kinds of file; one of them broken."""
    root = photo_folder({"cats": 70, "dogs": 5})
    (root / "cats" / "cat.3.jpg").write_bytes(b"broken")
    Image.open(root / "cats" / "cat.4.jpg").convert("P").save(root / "cats" / "cat.4.jpg", "PNG")
    return manifest_of(root)


@pytest.fixture
def loader(config: Callable[..., Config]) -> LoaderSettings:
    return replace(config().loader, target_size=(12, 10), workers=2)


@pytest.fixture(autouse=True)
def _nothing_in_memory() -> Iterator[None]:
    pixels._in_memory.clear()
    yield
    pixels._in_memory.clear()


@pytest.fixture
def no_decoding(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def forbid() -> None:
        monkeypatch.setattr(pixels, "image_of", lambda *_: pytest.fail("decoded again"))

    return forbid


@pytest.mark.parametrize("cache_kind", CACHES)
def test_pixels_are_those_of_the_decoder_whatever_the_cache(
    manifest: Manifest, loader: LoaderSettings, cache_kind: str
) -> None:
    fetch = open_pixels(manifest, replace(loader, cache=cache_kind))
    wanted = manifest.usable()[[5, 0, 5, 73, 40]]
    found = fetch(wanted)
    assert (found.dtype, found.shape) == (np.uint8, (5, 12, 10, 3))
    expected = [preparing.read_image(manifest.path(row), Preparation((12, 10))) for row in wanted]
    assert np.array_equal(found, np.stack(expected))
    assert fetch(wanted[:0]).shape == (0, 12, 10, 3)


@pytest.mark.parametrize("cache_kind", ["memory", "disk"])
def test_a_cache_is_filled_once_and_tells_its_progress(
    manifest: Manifest, loader: LoaderSettings, cache_kind: str, no_decoding: Callable[[], None]
) -> None:
    steps: list[tuple[str, int, int]] = []
    loader = replace(loader, cache=cache_kind)
    first = open_pixels(manifest, loader, lambda *step: steps.append(step))(manifest.usable())
    assert steps[-1] == ("decoding", 74, 74)
    no_decoding()
    assert np.array_equal(open_pixels(manifest, loader)(manifest.usable()), first)


def test_the_disk_cache_is_shared_by_folders_of_the_same_pictures(
    photo_folder: Callable[..., Path], loader: LoaderSettings, cache: Path, no_decoding: Callable[[], None]
) -> None:
    here, there = (manifest_of(photo_folder(name=name)) for name in ("here", "there"))
    loader = replace(loader, cache="disk")
    first = open_pixels(here, loader)(here.usable())
    no_decoding()
    assert np.array_equal(open_pixels(there, loader)(there.usable()), first)


@pytest.mark.parametrize("cache_kind", ["memory", "disk"])
@pytest.mark.parametrize(
    "other", [{"target_size": (10, 12)}, {"interpolation": "nearest"}, {"resize": "crop"}, {"channels": 1}]
)
def test_other_pixels_are_another_entry(
    manifest: Manifest, loader: LoaderSettings, cache_kind: str, other: dict[str, object]
) -> None:
    rows = manifest.usable()
    first = replace(loader, cache=cache_kind)
    second = replace(first, **other)  # type: ignore[arg-type]
    open_pixels(manifest, first)
    found = open_pixels(manifest, second)(rows)
    assert np.array_equal(found, open_pixels(manifest, replace(second, cache="none"))(rows))


def test_memory_holds_one_set_of_pictures_at_a_time(manifest: Manifest, loader: LoaderSettings) -> None:
    for size in ((8, 8), (9, 9), (10, 10)):
        open_pixels(manifest, replace(loader, cache="memory", target_size=size))
    assert [array.shape for _, array in pixels._in_memory.values()] == [(74, 10, 10, 3)]


@pytest.mark.parametrize("cache_kind", CACHES)
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.unlink(), "No such file or directory"),
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: path.write_text("gone"), "not an image"),
    ],
)
def test_a_file_that_vanished_ends_the_run_in_one_line(
    manifest: Manifest, loader: LoaderSettings, cache_kind: str, damage: Callable[[Path], None], reason: str
) -> None:
    row = manifest.usable()[70]
    path = manifest.path(row)
    damage(path)
    with pytest.raises(RunFailed) as caught:
        open_pixels(manifest, replace(loader, cache=cache_kind))(np.array([row]))
    assert str(caught.value) == (
        f"An image that was usable when inspected no longer is ({reason}): {path}. "
        "Restore it, or start the run again to inspect the data."
    )


def test_a_cache_that_failed_half_way_leaves_nothing(manifest: Manifest, loader: LoaderSettings, cache: Path) -> None:
    path = manifest.path(manifest.usable()[70])
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(RunFailed):
        open_pixels(manifest, replace(loader, cache="disk"))
    assert [p.name for p in (cache / "decoded").iterdir() if p.suffix != ".lock"] == []
    path.write_bytes(content)
    assert open_pixels(manifest, replace(loader, cache="disk"))(manifest.usable()).shape[0] == 74


def test_what_a_dead_process_left_half_made_is_replaced(
    manifest: Manifest, loader: LoaderSettings, cache: Path
) -> None:
    loader = replace(loader, cache="disk")
    rows = manifest.usable()
    whole = open_pixels(manifest, loader)(rows)
    (entry,) = [path for path in (cache / "decoded").iterdir() if path.is_dir()]
    half = entry.rename(entry.with_name(f"{entry.name}.part"))
    with (half / "pixels.npy").open("r+b") as handle:
        handle.truncate(500)
    assert np.array_equal(open_pixels(manifest, loader)(rows), whole)
    assert not half.exists()


def test_a_full_disk_is_said_to_be_full(
    manifest: Manifest, loader: LoaderSettings, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "open_memmap", full)
    with pytest.raises(RunFailed) as caught:
        open_pixels(manifest, replace(loader, cache="disk"))
    assert str(caught.value) == (
        "Decoded images cannot be kept on disk. The cache folder cannot be used: No space left on device: "
        f"{cache / 'decoded'}. Set the environment variable CATSDOGS_CACHE to a writable folder with enough "
        "space. Or keep them elsewhere: loader.cache=memory or loader.cache=none."
    )


@pytest.mark.parametrize("cache_kind", CACHES)
def test_a_file_that_changed_since_inspection_ends_the_run(
    manifest: Manifest, loader: LoaderSettings, cache_kind: str, photo: Callable[..., Image.Image]
) -> None:
    """The hash in the manifest is that of the pixels that are trained on, or there is no training."""
    row = manifest.usable()[70]
    photo((24, 16), seed=999).save(manifest.path(row))
    with pytest.raises(RunFailed) as caught:
        open_pixels(manifest, replace(loader, cache=cache_kind))(np.array([row]))
    assert str(caught.value).startswith(f"An image has changed since it was inspected: {manifest.path(row)}. Start")


def test_a_file_that_was_only_touched_or_copied_is_the_same(manifest: Manifest, loader: LoaderSettings) -> None:
    row = manifest.usable()[70]
    path = manifest.path(row)
    expected = open_pixels(manifest, replace(loader, cache="none"))(np.array([row]))
    os.utime(path, ns=(5, 5))
    copied = path.with_suffix(".copy")
    copied.write_bytes(path.read_bytes())
    copied.replace(path)
    assert np.array_equal(open_pixels(manifest, replace(loader, cache="disk"))(np.array([row])), expected)


@pytest.mark.parametrize(
    ("disk", "memory", "limit", "said"),
    [
        (2**30, 0, 50, "on disk for all runs: 1 GiB free"),
        (2**20, 2**30, 50, "in memory: 0.000977 GiB free on disk, 1 GiB of memory free"),
        (2**30, 2**30, 0.0001, "in memory: loader.cache_limit=0.0001 GiB leaves 0.0001, 1 GiB of memory free"),
        (2**20, 0, 50, "nowhere: 0.000977 GiB free on disk, 0 GiB of memory free"),
    ],
)
def test_auto_takes_the_first_place_with_room_and_says_why(
    manifest: Manifest,
    loader: LoaderSettings,
    monkeypatch: pytest.MonkeyPatch,
    disk: int,
    memory: int,
    limit: float,
    said: str,
) -> None:
    monkeypatch.setattr(pixel_cache.shutil, "disk_usage", lambda _: SimpleNamespace(free=disk))
    monkeypatch.setattr(pixels.psutil, "virtual_memory", lambda: SimpleNamespace(available=memory))
    lines: list[str] = []
    rows = manifest.usable()
    loader = replace(loader, cache="auto", target_size=(60, 80), cache_limit=limit)
    fetch = open_pixels(manifest, loader, say=lines.append)
    assert lines == [f"decoded images: 1 MiB, cached {said} (loader.cache=auto)"]
    assert fetch.cache == {"on": "disk", "in": "memory", "no": "none"}[said[:2]]
    assert np.array_equal(fetch(rows), open_pixels(manifest, replace(loader, cache="none"))(rows))


def test_auto_takes_what_is_there_already(
    manifest: Manifest, loader: LoaderSettings, monkeypatch: pytest.MonkeyPatch, no_decoding: Callable[[], None]
) -> None:
    open_pixels(manifest, replace(loader, cache="disk"))
    monkeypatch.setattr(pixel_cache.shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    no_decoding()
    lines: list[str] = []
    fetch = open_pixels(manifest, replace(loader, cache="auto", cache_limit=1e-9), say=lines.append)
    assert lines == ["decoded images: 0 MiB, cached on disk for all runs: made by an earlier run (loader.cache=auto)"]
    assert fetch(manifest.usable()).shape == (74, 12, 10, 3)


def test_a_limit_too_small_for_the_disk_is_said_to_whom_asked_for_it(
    manifest: Manifest, loader: LoaderSettings, cache: Path
) -> None:
    with pytest.raises(BadInput) as caught:
        open_pixels(manifest, replace(loader, cache="disk", cache_limit=1e-6))
    assert str(caught.value) == (
        "loader.cache_limit must leave room for 74 decoded images of 2.48e-05 GiB with loader.cache=disk. "
        "Received: 1e-06 (GiB), and they are 2.48e-05 GiB. Raise it, or use loader.cache=memory or loader.cache=none"
    )
    assert pixel_cache.entries() == []


# Pictures for random crops


RANDOM = {"resize": "random_resized_crop", "target_size": (12, 10)}


@pytest.mark.parametrize("cache_kind", CACHES)
def test_random_crops_start_from_larger_stretched_pictures(
    manifest: Manifest, loader: LoaderSettings, cache_kind: str
) -> None:
    settings = replace(loader, cache=cache_kind, **RANDOM)  # type: ignore[arg-type]
    rows = manifest.usable()
    stored = open_pixels(manifest, settings, training=True)(rows)
    assert stored.shape == (74, 18, 15, 3)
    larger = replace(loader, cache="none", target_size=(18, 15))
    assert np.array_equal(stored, open_pixels(manifest, larger)(rows))


@pytest.mark.parametrize("cache_kind", CACHES)
def test_where_nothing_is_random_the_middle_is_seen(
    manifest: Manifest, loader: LoaderSettings, cache_kind: str
) -> None:
    settings = replace(loader, cache=cache_kind, **RANDOM)  # type: ignore[arg-type]
    rows = np.random.default_rng(0).permutation(manifest.usable())  # of training, which is read when asked, and others
    middle = replace(loader, cache="none", resize="crop")
    assert np.array_equal(open_pixels(manifest, settings)(rows), open_pixels(manifest, middle)(rows))


def test_evaluation_keeps_the_held_out_pictures_alone(manifest: Manifest, loader: LoaderSettings, cache: Path) -> None:
    open_pixels(manifest, replace(loader, cache="disk", **RANDOM))  # type: ignore[arg-type]
    (entry,) = pixel_cache.entries()
    held_out = len(manifest.rows(VALIDATION))
    assert 0 < held_out < 74
    assert (entry.about["images"], entry.about["resize"]) == (held_out, "crop")


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_without_chance_training_sees_what_evaluation_sees(
    manifest: Manifest, loader: LoaderSettings, resize: str
) -> None:
    settings = replace(loader, cache="disk", resize=resize, pad_value=9.0)
    rows = manifest.usable()
    assert np.array_equal(open_pixels(manifest, settings, training=True)(rows), open_pixels(manifest, settings)(rows))
    assert len(pixel_cache.entries()) == 1


def test_settings_that_change_no_pixel_share_an_entry(manifest: Manifest, loader: LoaderSettings, cache: Path) -> None:
    open_pixels(manifest, replace(loader, cache="disk", pad_value=0.0))
    open_pixels(manifest, replace(loader, cache="disk", pad_value=200.0, crop_scale=(0.1, 0.2), batch_size=3))
    assert len(pixel_cache.entries()) == 1
    open_pixels(manifest, replace(loader, cache="disk", pad_value=200.0, resize="pad"))
    assert len(pixel_cache.entries()) == 2


def test_a_cache_on_disk_stays_out_of_memory(manifest: Manifest, loader: LoaderSettings) -> None:
    open_pixels(manifest, replace(loader, cache="disk"))
    assert pixels._in_memory == {}


def test_the_user_who_asked_for_a_cache_is_told_nothing(manifest: Manifest, loader: LoaderSettings) -> None:
    said: list[str] = []
    open_pixels(manifest, replace(loader, cache="disk"), say=said.append)
    assert said == []


def test_workers_do_not_change_the_pixels(manifest: Manifest, loader: LoaderSettings) -> None:
    rows = manifest.usable()
    found = []
    for workers in (0, 1, 4):
        pixels._in_memory.clear()
        found.append(open_pixels(manifest, replace(loader, cache="memory", workers=workers))(rows))
    assert os.cpu_count()
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])
