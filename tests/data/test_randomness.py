import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.data.randomness import epoch_order, mix_generator, noise, sample_uniforms

SEEDS = st.integers(0, 2**31 - 1)
EPOCHS = st.integers(0, 10**6)
INDICES = st.integers(0, 2**40)


@given(SEEDS, EPOCHS, st.integers(0, 300))
def test_an_order_has_every_image_once_and_can_be_made_again(seed: int, epoch: int, count: int) -> None:
    order = epoch_order(seed, epoch, count)
    assert sorted(order.tolist()) == list(range(count))
    assert order.dtype == np.int64
    assert np.array_equal(order, epoch_order(seed, epoch, count))


@given(SEEDS, EPOCHS)
def test_every_epoch_and_every_seed_has_its_own_order(seed: int, epoch: int) -> None:
    order = epoch_order(seed, epoch, 100).tolist()
    assert order != epoch_order(seed, epoch + 1, 100).tolist()
    assert order != epoch_order(seed + 1, epoch, 100).tolist()


@given(SEEDS, EPOCHS, INDICES, st.integers(0, 20))
def test_uniforms_lie_in_the_unit_interval_and_can_be_made_again(seed: int, epoch: int, index: int, count: int) -> None:
    numbers = sample_uniforms(seed, epoch, index, count)
    assert numbers.shape == (count,)
    assert ((numbers >= 0) & (numbers < 1)).all()
    assert np.array_equal(numbers, sample_uniforms(seed, epoch, index, count))


@given(SEEDS, EPOCHS, INDICES, st.integers(1, 8))
def test_further_numbers_do_not_change_the_first_ones(seed: int, epoch: int, index: int, count: int) -> None:
    assert np.array_equal(sample_uniforms(seed, epoch, index, 16)[:count], sample_uniforms(seed, epoch, index, count))


@given(st.lists(st.tuples(SEEDS, EPOCHS, INDICES), min_size=2, max_size=20, unique=True))
def test_every_image_in_every_epoch_has_its_own_numbers(places: list[tuple[int, int, int]]) -> None:
    drawn = np.concatenate([sample_uniforms(*place, 8) for place in places])
    assert len(set(drawn.tolist())) == len(drawn)


def test_neighbours_are_independent() -> None:
    numbers = np.array([[sample_uniforms(0, epoch, index, 2) for index in range(60)] for epoch in range(60)])
    assert abs(numbers.mean() - 0.5) < 0.02
    for first, second in (
        (numbers[:, 1:, 0], numbers[:, :-1, 0]),
        (numbers[1:, :, 0], numbers[:-1, :, 0]),
        (numbers[..., 0], numbers[..., 1]),
    ):
        assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.06


def test_the_numbers_are_the_same_on_every_machine_for_ever() -> None:
    assert epoch_order(0, 0, 8).tolist() == [5, 0, 6, 1, 7, 2, 4, 3]
    assert np.round(sample_uniforms(1, 2, 3, 3), 12).tolist() == [0.723173964448, 0.483298065709, 0.743153170929]
    assert np.round(mix_generator(1, 2, 3).random(3), 12).tolist() == [0.717744457763, 0.658831298685, 0.684167594853]
    assert np.round(noise(7, (3,)).astype(float), 5).tolist() == [-1.44707, -0.91342, -0.51556]


def test_streams_are_apart() -> None:
    single, mixed = sample_uniforms(1, 2, 3, 8), mix_generator(1, 2, 3).random(8)
    assert not set(single.tolist()) & set(mixed.tolist())
    assert np.array_equal(mixed, mix_generator(1, 2, 3).random(8))
    assert len({mix_generator(*place).random() for place in ((1, 2, 3), (2, 2, 3), (1, 3, 3), (1, 2, 4))}) == 4


def test_noise_is_a_function_of_its_key() -> None:
    first = noise(2**53, (40, 50, 3))
    assert (first.shape, first.dtype) == ((40, 50, 3), np.float32)
    assert np.array_equal(first, noise(2**53, (40, 50, 3)))
    assert abs(first.mean()) < 0.05 and abs(first.std() - 1) < 0.05
    assert abs(np.corrcoef(first.ravel(), noise(2**53 - 1, (40, 50, 3)).ravel())[0, 1]) < 0.05
