"""Sampled parameters: ranges, positions in the random stream, and their effect on images."""

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.config.schema import Augment, Config
from catsdogs_exp.data.augmentation import Drawn, apply, changes_pictures, describe, draw, mixes
from catsdogs_exp.data.augmentation.geometry import Warp

PRESETS = ("none", "flip", "course", "course_crop", "strong", "randaugment")
EVERYTHING = (
    "augment=course",
    "augment.vertical_flip=true",
    "augment.shear_range=10",
    "augment.brightness_range=0.3",
    "augment.contrast_range=[0.5,1.2]",
    "augment.saturation_range=[0,2]",
    "augment.hue_range=30",
    "augment.channel_shift_range=20",
    "augment.greyscale=0.25",
    "augment.blur=0.5",
    "augment.noise_range=10",
    "augment.erasing=0.5",
    "augment.cutout=0.3",
    "augment.policy=randaugment",
)
KNOBS = (
    "rotation_range=20",
    "width_shift_range=0.2",
    "height_shift_range=0.2",
    "shear_range=10",
    "zoom_range=0.3",
    "horizontal_flip=true",
    "vertical_flip=true",
    "brightness_range=0.3",
    "contrast_range=0.3",
    "saturation_range=0.5",
    "hue_range=40",
    "channel_shift_range=30",
    "greyscale=0.5",
    "blur=0.5",
    "noise_range=10",
    "erasing=0.5",
    "cutout=0.3",
    "policy=randaugment",
    "policy=trivialaugment",
)


@pytest.fixture(scope="module")
def everything(config: Callable[..., Config]) -> Augment:
    return config(*EVERYTHING).augment


def picture(height: int = 40, width: int = 50, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


def test_draws_keep_to_their_ranges_and_fill_them(everything: Augment) -> None:
    drawn = [draw(everything, 0, 0, index) for index in range(2000)]
    for name, low, high in (
        ("rotation", -40, 40),
        ("shear", -10, 10),
        ("shift_y", -0.2, 0.2),
        ("shift_x", -0.2, 0.2),
        ("zoom_y", 0.8, 1.2),
        ("zoom_x", 0.8, 1.2),
        ("brightness", 0.7, 1.3),
        ("contrast", 0.5, 1.2),
        ("saturation", 0, 2),
        ("hue", -30, 30),
        ("channel_shift", -20, 20),
        ("noise", 0, 10),
    ):
        values = np.array([getattr(each.warp if hasattr(each.warp, name) else each, name) for each in drawn])
        margin = (high - low) / 100
        assert low <= values.min() < low + margin, name
        assert high - margin < values.max() <= high, name
        assert abs(values.mean() - (low + high) / 2) < 3 * margin, name
    for share, expected in (
        (np.mean([each.warp.flip_x for each in drawn]), 0.5),
        (np.mean([each.warp.flip_y for each in drawn]), 0.5),
        (np.mean([each.grey for each in drawn]), 0.25),
        (np.mean([each.blur > 0 for each in drawn]), 0.5),
        (np.mean([each.erased is not None for each in drawn]), 0.5),
        (np.mean([each.cut is not None for each in drawn]), 1),
    ):
        assert abs(share - expected) < 0.05
    sigmas = np.array([each.blur for each in drawn if each.blur])
    assert 0.1 <= sigmas.min() < 0.15 and 1.95 < sigmas.max() <= 2
    erased = [each.erased for each in drawn if each.erased]
    areas, ratios = np.array([each.area for each in erased]), np.array([each.ratio for each in erased])
    assert 0.02 <= areas.min() < 0.03 and 0.32 < areas.max() <= 0.33
    assert 0.3 <= ratios.min() < 0.32 and 3.2 < ratios.max() <= 3.3
    assert abs(np.log(ratios).mean()) < 0.1  # as often wide as high
    assert len({each.noise_key for each in drawn}) == 2000


def test_draws_are_a_function_of_seed_epoch_and_index(everything: Augment) -> None:
    places = [(3, 4, 5), (4, 4, 5), (3, 5, 5), (3, 4, 6), (3, 5, 4), (5, 4, 3)]
    assert len({draw(everything, *place) for place in places}) == len(places)
    assert draw(everything, 3, 4, 5) == draw(everything, 3, 4, 5)


def test_the_courses_warps_stay_what_they_were(config: Callable[..., Config]) -> None:
    """Runs that were made can be made again: the numbers of one picture, written down."""
    warp = draw(config("augment=course").augment, 1, 2, 3).warp
    assert vars(warp) == pytest.approx(
        {
            "rotation": 17.853917155833603,
            "shear": -0.18051606106671342,
            "shift_y": -0.006680773716245359,
            "shift_x": 0.0972612683714858,
            "zoom_y": 0.8186328265351411,
            "zoom_x": 0.9315416039661302,
            "flip_x": False,
            "flip_y": False,
        }
    )


@pytest.mark.parametrize("knob", KNOBS)
def test_one_knob_does_not_change_what_the_others_draw(
    config: Callable[..., Config], everything: Augment, knob: str
) -> None:
    alone, nothing = config(f"augment.{knob}").augment, config().augment
    name = knob.partition("=")[0]
    together = draw(replace(everything, **{name: getattr(alone, name)}), 1, 2, 3)
    single = draw(alone, 1, 2, 3)
    still = draw(nothing, 1, 2, 3)
    for part in fields(Drawn):
        if part.name == "warp":
            for piece in fields(Warp):
                value = getattr(single.warp, piece.name)
                assert value in (getattr(together.warp, piece.name), getattr(still.warp, piece.name))
        else:
            assert getattr(single, part.name) in (getattr(together, part.name), getattr(still, part.name))


@pytest.mark.parametrize("knob", KNOBS)
def test_each_knob_changes_pictures_and_says_so(config: Callable[..., Config], knob: str) -> None:
    augment = config(f"augment.{knob}").augment
    assert changes_pictures(augment) and not mixes(augment)
    image = picture()
    before = image.copy()
    drawn = [draw(augment, 0, 0, index) for index in range(20)]
    assert any(not np.array_equal(apply(image, each, augment), image) for each in drawn)
    assert np.array_equal(image, before)
    assert {len(describe(each, augment)) for each in drawn} == {1}


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("augment.fill_mode=constant", "augment.fill_value=200"),
        ("augment.erased_value=3", "augment.erasing_scale=[0.5,0.6]", "augment.blur_sigma=[1,2]"),
        ("augment.num_ops=5", "augment.magnitude=30"),
        ("augment.mixup=0.2", "augment.cutmix=1"),
    ],
)
def test_without_a_knob_nothing_is_drawn(config: Callable[..., Config], settings: tuple[str, ...]) -> None:
    augment = config(*settings).augment
    assert not changes_pictures(augment)
    drawn = {draw(augment, 0, 0, index) for index in range(20)}
    assert drawn == {Drawn(Warp())}
    image = picture()
    assert apply(image, drawn.pop(), augment) is image
    assert describe(Drawn(Warp()), augment) == {}
    assert mixes(augment) == any("mix" in setting for setting in settings)


@given(
    preset=st.sampled_from([*((f"augment={name}",) for name in PRESETS), EVERYTHING]),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3])),
    place=st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 1000), st.integers(0, 10**6)),
    fill_mode=st.sampled_from(["nearest", "reflect", "wrap", "constant"]),
)
def test_any_picture_keeps_its_shape_and_the_same_place_gives_the_same_picture(
    config: Callable[..., Config],
    preset: tuple[str, ...],
    size: tuple[int, int, int],
    place: tuple[int, int, int],
    fill_mode: str,
) -> None:
    augment = replace(config(*preset).augment, fill_mode=fill_mode)
    image = picture(*size)
    result = apply(image, draw(augment, *place), augment)
    assert (result.shape, result.dtype) == (size, np.uint8)
    assert np.array_equal(result, apply(image.copy(), draw(augment, *place), augment))
    assert np.array_equal(image, picture(*size))
    if not changes_pictures(augment):
        assert result is image


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_change_what_they_are_for(config: Callable[..., Config], preset: str) -> None:
    augment = config(f"augment={preset}").augment
    assert changes_pictures(augment) == (preset != "none")
    assert mixes(augment) == (preset == "strong")


def test_the_courses_crop_shows_parts_of_the_picture_only(config: Callable[..., Config]) -> None:
    augment = replace(config("augment=course_crop").augment, rotation_range=0, shear_range=0, fill_mode="constant")
    image = np.full((50, 50, 3), 200, dtype=np.uint8)
    for index in range(50):
        drawn = draw(augment, 0, 0, index)
        if max(drawn.warp.zoom_x, drawn.warp.zoom_y) < 0.61:
            assert (apply(image, drawn, augment) == 200).all()
    assert augment.zoom_range == (0.6, 1.0)


def test_what_was_drawn_is_said_in_the_units_of_the_knobs(everything: Augment) -> None:
    warp = Warp(31.24, -0.001, 0.1, -0.05, 0.93, 1.12, flip_x=True)
    said = describe(Drawn(warp, brightness=1.2, hue=-4.04, channel_shift=3.21, grey=True, blur=1.5), everything)
    assert said == {
        "rotation": "31.2°",
        "shift": "0.10 up, 0.05 right",
        "shear": "0.00°",
        "zoom": "0.93 x 1.12",
        "flip": "left-right",
        "channel shift": "3.2",
        "brightness": "1.20",
        "contrast": "1.00",
        "saturation": "1.00",
        "hue": "-4.0°",
        "grey": "yes",
        "policy": "",
        "blur": "1.5 px",
        "noise": "0.0",
        "erased": "none",
        "cutout": "none",
    }
    drawn = describe(draw(everything, 0, 0, 1), everything)
    assert list(drawn) == list(said) and drawn["cutout"].startswith("at 0.")
