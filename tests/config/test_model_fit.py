import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catsdogs_exp.config.model_fit import check_depth, largest_depth
from catsdogs_exp.config.models import CnnModel
from catsdogs_exp.errors import BadInput


def shape_after(depth: int, kernel_size: int, size: tuple[int, int]) -> list[int]:
    """Height and width after `depth` blocks, as the layers compute them; 0 or less where a layer would refuse."""
    sides = list(size)
    for _ in range(depth):
        sides = [side - (kernel_size - 1) for side in sides]  # a convolution without padding
        if min(sides) < 1:
            break
        sides = [(side - 2) // 2 + 1 for side in sides]  # a pooling of 2 with stride 2
        if min(sides) < 1:
            break
    return sides


@given(
    kernel_size=st.integers(1, 31),
    height=st.integers(1, 4096),
    width=st.integers(1, 4096) | st.integers(1, 12),
)
@example(kernel_size=3, height=150, width=150)
@example(kernel_size=3, height=4, width=4)
@example(kernel_size=3, height=3, width=4096)
@example(kernel_size=1, height=1, width=1)
def test_the_largest_depth_fits_and_one_more_does_not(kernel_size: int, height: int, width: int) -> None:
    depth = largest_depth(kernel_size, (height, width))
    assert min(shape_after(depth, kernel_size, (height, width))) >= 1
    assert min(shape_after(depth + 1, kernel_size, (height, width))) < 1


@pytest.mark.parametrize(
    ("size", "kernel_size", "depth"),
    [((150, 150), 3, 5), ((300, 300), 3, 6), ((28, 28), 3, 3), ((150, 28), 3, 3), ((4, 4), 3, 1), ((3, 3), 3, 0)],
)
def test_depths_worked_out_by_hand(size: tuple[int, int], kernel_size: int, depth: int) -> None:
    assert largest_depth(kernel_size, size) == depth


def cnn(depth: int, kernel_size: int = 3) -> CnnModel:
    return CnnModel("cnn", depth, 16, 512, kernel_size, 512, 0.0, False, "auto")


def test_the_largest_depth_passes_and_one_more_is_refused() -> None:
    check_depth(cnn(5), (150, 200))
    with pytest.raises(BadInput) as caught:
        check_depth(cnn(6), (150, 200))
    assert str(caught.value) == (
        "depth must be <= 5 for target_size=[150,200]: each block halves the picture. "
        "Received: depth=6. Lower depth or raise target_size."
    )


@pytest.mark.parametrize(("kernel_size", "smallest"), [(1, 2), (3, 4), (7, 8)])
def test_a_picture_too_small_for_one_block_says_the_smallest_that_is_not(kernel_size: int, smallest: int) -> None:
    check_depth(cnn(1, kernel_size), (smallest, smallest))
    with pytest.raises(BadInput) as caught:
        check_depth(cnn(1, kernel_size), (smallest - 1, 99))
    assert str(caught.value) == (
        f"target_size must be >= {smallest} for model.kernel_size={kernel_size}. "
        f"Received: target_size=[{smallest - 1},99]"
    )
