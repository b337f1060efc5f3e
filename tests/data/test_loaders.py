from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from catsdogs_exp.config.schema import Config
from catsdogs_exp.data.augmentation import apply, draw, draw_mix
from catsdogs_exp.data.inspection.inspect import inspect
from catsdogs_exp.data.loaders import Loader, make_loader
from catsdogs_exp.data.manifest import Manifest, make_manifest
from catsdogs_exp.data.open_data import open_images
from catsdogs_exp.data.prefetch import batches
from catsdogs_exp.data.randomness import mix_generator
from catsdogs_exp.data.sources.listing import TEST, TRAIN, VALIDATION, list_images

SETTINGS = ("target_size=[8,10]", "depth=1", "batch_size=4", "split.test=0.2", "loader.cache=memory", "seed=3")
Batch = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def make(config: Callable[..., Config], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Loader]:
    """`make(TRAIN, "augment=course")`: a loader over 25 cats and 25 dogs, of which 30 are trained on."""
    root = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    from PIL import Image

    for name in ("cats", "dogs"):
        (root / name).mkdir()
        for number in range(25):
            pixels = rng.integers(0, 256, (8, 10, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    listing = list_images(root)
    manifest: Manifest = make_manifest(listing, inspect(listing), config(*SETTINGS).split, config(*SETTINGS).inspection)

    def make(split: int, *overrides: str, evaluate: bool = False) -> Loader:
        made = config(*SETTINGS, *overrides)
        return make_loader(made, open_images(manifest, made), split, evaluate)

    return make


def stream(loader: Loader, epochs: int = 1, start: int = 0) -> list[Batch]:
    return list(batches(loader, range(start, epochs * loader.steps)))


def same(first: list[Batch], second: list[Batch]) -> bool:
    return len(first) == len(second) and all(
        np.array_equal(a, c) and np.array_equal(b, d) for (a, b), (c, d) in zip(first, second, strict=True)
    )


def images_of(batches: list[Batch]) -> list[bytes]:
    return [image.tobytes() for images, _ in batches for image in images]


def test_every_image_comes_once_an_epoch_with_its_label(make: Callable[..., Loader]) -> None:
    loader = make(TRAIN)
    everything = loader.fetch(loader.rows)
    label_of = {image.tobytes(): label for image, label in zip(everything, loader.labels.tolist(), strict=True)}
    assert len(label_of) == 30
    batches = stream(loader, epochs=2)
    for epoch in (batches[:8], batches[8:]):
        assert sorted(images_of(epoch)) == sorted(label_of)
        labels = [label for _, found in epoch for label in found.tolist()]
        assert labels == [label_of[image] for image in images_of(epoch)]


def test_batches_are_uint8_and_the_last_one_is_small(make: Callable[..., Loader]) -> None:
    loader = make(TRAIN)
    batches = stream(loader)
    assert loader.steps == len(batches) == 8
    assert [len(labels) for _, labels in batches] == [4] * 7 + [2]
    assert [images.shape for images, _ in batches] == [(4, 8, 10, 3)] * 7 + [(2, 8, 10, 3)]
    assert {(images.dtype, labels.dtype) for images, labels in batches} == {(np.dtype("uint8"), np.dtype("int32"))}


def test_a_batch_larger_than_the_set_is_the_whole_set(make: Callable[..., Loader]) -> None:
    batches = stream(make(TRAIN, "batch_size=100"), epochs=2)
    assert [len(labels) for _, labels in batches] == [30, 30]


def test_the_order_differs_by_epoch_and_seed_and_can_be_made_again(make: Callable[..., Loader]) -> None:
    loader = make(TRAIN)
    batches = stream(loader, epochs=2)
    first, second = images_of(batches[:8]), images_of(batches[8:])
    assert first != second
    assert same(batches, stream(make(TRAIN), epochs=2))
    assert images_of(stream(make(TRAIN, "seed=4"))) != first
    assert first != [image.tobytes() for image in loader.fetch(loader.rows)]


def test_the_whole_set_is_shuffled_not_a_window(make: Callable[..., Loader]) -> None:
    labels = np.concatenate([labels for _, labels in stream(make(TRAIN))])
    assert labels[:15].min() == 0
    assert labels[:15].max() == 1


EVERYTHING = ("augment=strong", "augment.mixup=0.4", "augment.cutmix=1", "augment.noise_range=20")


@pytest.mark.parametrize("augment", ["none", "course"])
def test_any_batch_alone_is_that_of_the_stream(make: Callable[..., Loader], augment: str) -> None:
    loader = make(TRAIN, f"augment={augment}")
    batches = stream(loader, epochs=3)
    alone = [make(TRAIN, f"augment={augment}").batch(number // 8, number % 8) for number in range(24)]
    assert same(batches, alone)


@pytest.mark.parametrize("start", [0, 1, 8, 13, 24])
def test_a_stream_goes_on_where_it_was_left(make: Callable[..., Loader], start: int) -> None:
    loader = make(TRAIN, "augment=course")
    assert same(stream(loader, epochs=3, start=start), stream(loader, epochs=3)[start:])


@pytest.mark.parametrize("augment", ["none", "course"])
def test_threads_change_nothing(make: Callable[..., Loader], augment: str) -> None:
    one, four = (make(TRAIN, f"augment={augment}", f"loader.workers={workers}") for workers in (1, 4))
    assert same(stream(one, epochs=2), stream(four, epochs=2))


def test_neither_threads_nor_the_batch_size_change_a_picture(make: Callable[..., Loader]) -> None:
    few, many = (make(TRAIN, *EVERYTHING, f"batch_size={size}", f"loader.workers={n}") for size, n in ((4, 1), (7, 4)))
    for epoch in range(2):
        one, other = (stream(loader, 1 + epoch, epoch * loader.steps) for loader in (few, many))
        assert images_of(one) == images_of(other)
        assert np.array_equal(*(np.concatenate([labels for _, labels in found]) for found in (one, other)))
        where = few.order(epoch).tolist()
        assert images_of(one) == [few.sample(epoch, index).tobytes() for index in where]


@pytest.mark.parametrize("knob", ["mixup", "cutmix"])
def test_labels_are_shared_as_the_pictures_are(make: Callable[..., Loader], knob: str) -> None:
    loader, plain = make(TRAIN, f"augment.{knob}=1"), make(TRAIN)
    images, labels = loader.batch(0, 1)
    assert labels.dtype == np.float32 and labels.shape == (4, 2)
    np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-6)
    shares = []
    for image, label, index in zip(images, labels, loader.order(0)[4:8].tolist(), strict=True):
        assert loader.augment is not None
        mix = draw_mix(loader.augment, mix_generator(3, 0, index), 30, (8, 10))
        mine, other = plain.original(index).astype(float), plain.original(mix.partner).astype(float)
        expected = np.zeros(2)
        expected[loader.labels[index]] += 1 - mix.share
        expected[loader.labels[mix.partner]] += mix.share
        np.testing.assert_allclose(label, expected, rtol=1e-6)
        if knob == "mixup":
            np.testing.assert_allclose(image, (1 - mix.share) * mine + mix.share * other, atol=0.51)
        else:
            theirs = (image == other).all(axis=2) & (mine != other).any(axis=2)
            assert theirs.mean() == pytest.approx(mix.share if mix.partner != index else 0, abs=0.05)
        shares.append(mix.share)
    assert len(set(shares)) == 4


def test_what_was_drawn_is_said(make: Callable[..., Loader]) -> None:
    said = make(TRAIN, "augment=course", "augment.mixup=1").drawn(0, 5)
    assert set(said) == {"rotation", "shift", "shear", "zoom", "flip", "mixup"}
    assert make(TRAIN).drawn(0, 5) == {}


def test_the_random_crop_is_said(make: Callable[..., Loader]) -> None:
    words = ("loader.resize=random_resized_crop", "loader.crop_scale=[0.3,0.3]")
    assert make(TRAIN, *words, "loader.crop_ratio=[1.1,1.1]").drawn(0, 5) == {"crop": "0.30 of it, 1.10 : 1"}
    said = [make(TRAIN, *words, "augment=flip").drawn(epoch, 5) for epoch in range(4)]
    assert all(list(each) == ["crop", "flip"] for each in said)
    assert len({each["crop"] for each in said}) == 4
    assert make(TRAIN, *words, evaluate=True).drawn(0, 5) == {}


def test_training_pictures_are_warped_anew_each_epoch(make: Callable[..., Loader]) -> None:
    loader = make(TRAIN, "augment=course")
    plain = make(TRAIN)
    assert loader.augment is not None
    for epoch in range(2):
        images, labels = loader.batch(epoch, 2)
        untouched, same_labels = plain.batch(epoch, 2)
        assert np.array_equal(labels, same_labels)
        where = {image.tobytes(): index for index, image in enumerate(plain.fetch(plain.rows))}
        for image, before in zip(images, untouched, strict=True):
            drawn = draw(loader.augment, 3, epoch, where[before.tobytes()])
            assert np.array_equal(image, apply(before, drawn, loader.augment))
            assert not np.array_equal(image, before)


def test_augmentation_does_not_change_what_is_cached(make: Callable[..., Loader]) -> None:
    loader = make(TRAIN, "augment=course")
    before = loader.fetch(loader.rows).copy()
    stream(loader)
    assert np.array_equal(loader.fetch(loader.rows), before)


@pytest.mark.parametrize("split", [VALIDATION, TEST])
@pytest.mark.parametrize("augment", [("augment=course",), EVERYTHING, ("augment=randaugment",)])
def test_validation_and_test_are_neither_shuffled_nor_augmented(
    make: Callable[..., Loader], split: int, augment: tuple[str, ...]
) -> None:
    loader = make(split, *augment)
    assert len(loader.rows) == 10
    in_order = [image.tobytes() for image in loader.fetch(loader.rows)]
    batches = stream(loader, epochs=2)
    assert images_of(batches) == in_order * 2
    assert np.concatenate([labels for _, labels in batches]).tolist() == loader.labels.tolist() * 2


def test_the_training_set_can_be_evaluated_as_it_is(make: Callable[..., Loader]) -> None:
    loader = make(TRAIN, "augment=course", evaluate=True)
    assert images_of(stream(loader)) == [image.tobytes() for image in loader.fetch(loader.rows)]


def test_the_fill_settings_reach_the_warp(make: Callable[..., Loader]) -> None:
    shifted = ("augment.width_shift_range=1.0", "augment.fill_mode=constant")
    white = make(TRAIN, *shifted, "augment.fill_value=255").batch(0, 0)[0]
    black = make(TRAIN, *shifted, "augment.fill_value=0").batch(0, 0)[0]
    assert (white == 255).mean() > (black == 255).mean() + 0.2


def test_an_empty_split_has_no_batches(make: Callable[..., Loader], config: Callable[..., Config]) -> None:
    loader = replace(make(TEST), rows=np.array([], dtype=np.intp), labels=np.array([], dtype=np.int32))
    assert loader.steps == 0
    assert stream(loader) == []


def test_a_file_that_vanished_names_itself(photo_folder: Callable[..., Path], config: Callable[..., Config]) -> None:
    made = config(*SETTINGS, "loader.cache=none")
    listing = list_images(photo_folder({"cats": 5, "dogs": 5}))
    manifest = make_manifest(listing, inspect(listing), made.split, made.inspection)
    loader = make_loader(made, open_images(manifest, made), TRAIN)
    gone = manifest.path(int(loader.rows[0]))
    gone.unlink()
    with pytest.raises(Exception, match=rf"no longer is \(No such file or directory\): {gone}\. "):
        stream(loader)
