from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catsdogs_exp.config.checks.cnn_size_check import check_cnn, filters_of, largest_depth
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.schema.models import MOST_BLOCKS, CnnModel
from catsdogs_exp.errors import BadInput

_DEFAULT = config_of([]).model
assert isinstance(_DEFAULT, CnnModel)
DEFAULT: CnnModel = _DEFAULT


def cnn(depth: int = 1, **changes: Any) -> CnnModel:
    return replace(DEFAULT, depth=depth, **changes)


def shape_after(model: CnnModel, depth: int, size: tuple[int, int]) -> list[int]:
    """Height and width after `depth` blocks, as the layers compute them; 0 or less where a layer would refuse."""
    sides = list(size)
    for _ in range(depth):
        for number in range(model.convs):
            step = 2 if model.pooling == "strided" and number == model.convs - 1 else 1
            window = model.kernel_size if model.padding == "valid" else 1  # as Keras pads
            sides = [(side - window) // step + 1 for side in sides]
            if min(sides) < 1:
                return sides
        if model.pooling != "strided":
            sides = [(side - 2) // 2 + 1 for side in sides]
        if min(sides) < 1:
            return sides
    return sides


@given(
    kernel_size=st.integers(1, 31),
    height=st.integers(1, 4096),
    width=st.integers(1, 4096) | st.integers(1, 12),
    convs=st.integers(1, 16),
    padding=st.sampled_from(["valid", "same"]),
    pooling=st.sampled_from(["max", "average", "strided"]),
)
@example(kernel_size=3, height=150, width=150, convs=1, padding="valid", pooling="max")
@example(kernel_size=3, height=4, width=4, convs=1, padding="valid", pooling="max")
@example(kernel_size=3, height=3, width=4096, convs=1, padding="valid", pooling="max")
@example(kernel_size=1, height=1, width=1, convs=1, padding="valid", pooling="strided")
@example(kernel_size=31, height=500, width=500, convs=16, padding="valid", pooling="strided")
def test_the_largest_depth_fits_and_one_more_does_not(height: int, width: int, **changes: Any) -> None:
    model = cnn(**changes)
    depth = largest_depth(model, (height, width))
    assert min(shape_after(model, depth, (height, width))) >= 1
    if depth < MOST_BLOCKS:
        assert min(shape_after(model, depth + 1, (height, width))) < 1


@pytest.mark.parametrize(
    ("size", "kernel_size", "depth"),
    [((150, 150), 3, 5), ((300, 300), 3, 6), ((28, 28), 3, 3), ((150, 28), 3, 3), ((4, 4), 3, 1), ((3, 3), 3, 0)],
)
def test_depths_worked_out_by_hand(size: tuple[int, int], kernel_size: int, depth: int) -> None:
    assert largest_depth(cnn(kernel_size=kernel_size), size) == depth


@pytest.mark.parametrize(
    ("changes", "depth"),
    [
        ({"padding": "same"}, 7),  # 150 75 37 18 9 4 2 1
        ({"convs": 2}, 4),  # 150 73 34 15 5
        ({"pooling": "strided"}, 6),  # 150 74 36 17 8 3 1
        ({"pooling": "strided", "padding": "same"}, MOST_BLOCKS),  # one pixel stays one
    ],
)
def test_depths_of_other_blocks_worked_out_by_hand(changes: dict[str, Any], depth: int) -> None:
    assert largest_depth(cnn(**changes), (150, 150)) == depth


def refusal(model: CnnModel, size: tuple[int, int]) -> str:
    with pytest.raises(BadInput) as caught:
        check_cnn(model, size)
    return str(caught.value)


def test_the_largest_depth_passes_and_one_more_is_refused() -> None:
    check_cnn(cnn(5), (150, 200))
    assert refusal(cnn(6), (150, 200)) == (
        "depth must be <= 5 for target_size=[150,200]: each block halves the image. "
        "Received: depth=6. Lower depth or raise target_size."
    )


@pytest.mark.parametrize(
    ("changes", "smallest", "cause"),
    [
        ({"kernel_size": 1}, 2, "model.kernel_size=1"),
        ({"kernel_size": 3}, 4, "model.kernel_size=3"),
        ({"kernel_size": 7}, 8, "model.kernel_size=7"),
        ({"convs": 2}, 6, "model.kernel_size=3 model.convs=2"),
        ({"pooling": "strided"}, 3, "model.kernel_size=3"),
        ({"padding": "same"}, 2, "model.pooling=max"),
    ],
)
def test_a_picture_too_small_for_one_block_says_the_smallest_that_is_not(
    changes: dict[str, Any], smallest: int, cause: str
) -> None:
    check_cnn(cnn(**changes), (smallest, smallest))
    assert refusal(cnn(**changes), (smallest - 1, 99)) == (
        f"target_size must be >= {smallest} for {cause}. Received: target_size=[{smallest - 1},99]"
    )


@pytest.mark.parametrize(
    ("changes", "filters"),
    [
        ({}, (16, 32, 64, 128)),
        ({"filters": (8,), "max_filters": 16}, (8, 16, 16, 16)),
        ({"filters": (20,), "growth": 1.5}, (20, 30, 45, 68)),
        ({"filters": (64,), "growth": 0.5}, (64, 32, 16, 8)),
        ({"filters": (64, 64), "max_filters": 128}, (64, 64, 128, 128)),
        ({"filters": (5, 4, 3, 2)}, (5, 4, 3, 2)),
        ({"filters": (1,), "growth": 0.1}, (1, 1, 1, 1)),
    ],
)
def test_filters_of_each_block(changes: dict[str, Any], filters: tuple[int, ...]) -> None:
    check_cnn(cnn(4, **changes), (150, 150))
    assert filters_of(cnn(4, **changes)) == filters


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        (
            (64, 64, 128),
            "model.filters must be one number or a list of 1 to depth=2 of them. "
            "Received: model.filters=[64,64,128]. Set depth=3",
        ),
        ((), "model.filters must be one number or a list of 1 to depth=2 of them. Received: model.filters=[]."),
        (
            (600,),
            "model.filters must be <= model.max_filters=512. Received: model.filters=[600]. Set model.max_filters=600",
        ),
    ],
)
def test_filters_that_do_not_fit(filters: tuple[int, ...], message: str) -> None:
    assert refusal(cnn(2, filters=filters), (150, 150)) == message
