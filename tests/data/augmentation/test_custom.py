"""Operations of plugins: `augment.custom`."""

from collections.abc import Callable

import numpy as np
import pytest

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.schema import Augment
from catsdogs_exp.data.augmentation import apply, changes_pictures, describe, draw, register_operation
from catsdogs_exp.errors import BadInput

IMAGE = np.full((6, 5, 3), 100, dtype=np.uint8)
Image = np.ndarray


@pytest.fixture(autouse=True)
def _operations() -> None:
    """Two operations, for one test."""
    register_operation("salt")(lambda image, chance: image + chance.integers(0, 100, image.shape, dtype=np.uint8))
    register_operation("half")(lambda image, chance: image // np.uint8(2))


def made(augment: Augment, seed: int = 0, epoch: int = 0, index: int = 0) -> Image:
    return apply(IMAGE, draw(augment, seed, epoch, index), augment)


def test_operations_come_in_the_order_of_the_list() -> None:
    augment = config_of(["augment.custom=[salt,half]"]).augment
    other = config_of(["augment.custom=[half,salt]"]).augment
    assert changes_pictures(augment)
    salted = made(config_of(["augment.custom=[salt]"]).augment)
    assert np.array_equal(made(augment), salted // 2)
    assert np.array_equal(made(other), salted - 50)  # the same chance, whatever else there is
    assert (IMAGE == 100).all()


def test_an_operation_named_twice_has_other_chance_the_second_time() -> None:
    once = made(config_of(["augment.custom=[salt]"]).augment).astype(int)
    twice = made(config_of(["augment.custom=[salt,half,salt]"]).augment).astype(int)
    first, second = once - 100, twice - once // 2
    assert (second >= 0).all() and (second < 100).all()
    assert not np.array_equal(first, second)


def test_chance_follows_from_seed_epoch_and_index_alone() -> None:
    augment = config_of(["augment.custom=salt"]).augment
    pictures = [made(augment, *place) for place in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))]
    assert len({picture.tobytes() for picture in pictures}) == 4
    assert np.array_equal(pictures[3], made(augment, 0, 0, 1))


def test_further_numbers_of_the_other_settings_stay() -> None:
    plain = config_of(["augment=strong"]).augment
    own = config_of(["augment=strong", "augment.custom=[half]"]).augment
    assert np.array_equal(made(own, index=7), made(plain, index=7) // 2)


def test_it_is_described() -> None:
    augment = config_of(["augment.custom=[salt,half]"]).augment
    assert describe(draw(augment, 0, 0, 0), augment) == {"custom": "salt, half"}


@pytest.mark.parametrize(
    ("operation", "received"),
    [
        (lambda image, chance: image / 2, r"float64 \[6, 5, 3\]"),
        (lambda image, chance: image[1:], r"uint8 \[5, 5, 3\]"),
        (lambda image, chance: None, "NoneType"),
    ],
)
def test_what_comes_back_must_be_a_picture(operation: Callable[..., Image], received: str) -> None:
    register_operation("odd")(operation)
    with pytest.raises(BadInput, match=f"augment.custom: odd must return a uint8 image .* Received: {received}"):
        made(config_of(["augment.custom=[odd]"]).augment)


def test_the_given_picture_cannot_be_written_to() -> None:
    def spoil(image: Image, chance: np.random.Generator) -> Image:
        image[:] = 0
        return image

    register_operation("spoil")(spoil)
    with pytest.raises(ValueError, match="read-only"):
        made(config_of(["augment.custom=[spoil]"]).augment)


def test_unknown_operations() -> None:
    with pytest.raises(BadInput) as caught:
        config_of(["augment.custom=[slat]"])
    assert str(caught.value) == (
        "augment.custom must list operations registered by plugins: salt, half. "
        "Received: augment.custom=[slat]. Did you mean salt? Name the module that registers it: plugins=[MODULE]"
    )


def test_a_name_is_entered_once() -> None:
    with pytest.raises(ValueError, match="An operation named 'salt' is already registered"):
        register_operation("salt")(lambda image, chance: image)
