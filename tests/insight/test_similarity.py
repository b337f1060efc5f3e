"""CKA and channel matching, on features with a known answer."""

import numpy as np
import pytest

from catsdogs_exp.insight.similarity import channel_correlation, cka_matrix, match_channels


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(60, 12))


def cka(first: np.ndarray, second: np.ndarray) -> float:
    return float(cka_matrix([first], [second])[0, 0])


def test_cka_is_one_for_a_rotated_and_scaled_copy(features) -> None:
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(12, 12)))[0]
    assert cka(features, 3 * features @ rotation + 7) == pytest.approx(1)


def test_cka_of_unrelated_features_is_zero_on_average_however_many_there_are() -> None:
    rng = np.random.default_rng(2)
    values = [cka(rng.normal(size=(20, 500)), rng.normal(size=(20, 500))) for _ in range(40)]
    assert abs(np.mean(values)) < 0.02
    # the biased estimator, by its definition, is far from zero here
    a, b = rng.normal(size=(20, 500)), rng.normal(size=(20, 500))
    a, b = a - a.mean(0), b - b.mean(0)
    biased = np.linalg.norm(a.T @ b) ** 2 / (np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b))
    assert biased > 0.9


def test_the_estimator_by_its_definition(features) -> None:
    other = features[:, :5] + np.random.default_rng(3).normal(size=(60, 5))

    def hsic(k: np.ndarray, m: np.ndarray) -> float:
        n, one = len(k), np.ones(len(k))
        k, m = (each - np.diag(np.diag(each)) for each in (k, m))
        first = np.trace(k @ m) + one @ k @ one * (one @ m @ one) / ((n - 1) * (n - 2))
        return (first - 2 / (n - 2) * one @ k @ m @ one) / (n * (n - 3))

    k, m = features @ features.T, other @ other.T
    assert cka(features, other) == pytest.approx(hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m)))


def test_cka_needs_four_images_and_something_that_varies(features) -> None:
    with pytest.raises(ValueError, match="at least 4 images"):
        cka(features[:3], features[:3])
    assert np.isnan(cka(features, np.ones((60, 3))))


def test_the_matrix_has_a_diagonal_of_ones(features) -> None:
    layers = [features, features[:, :4] ** 3, features[:, 4:] ** 2]
    found = cka_matrix(layers, layers)
    np.testing.assert_allclose(np.diag(found), 1)
    np.testing.assert_allclose(found, found.T)
    assert found[1, 2] < 0.3


def test_channels_are_found_again_after_they_were_shuffled_and_scaled(features) -> None:
    order = np.random.default_rng(4).permutation(12)
    noise = np.random.default_rng(5).normal(size=features.shape) * 0.1
    matches = match_channels(channel_correlation(features, 5 * (features + noise)[:, order] + 2))
    assert {(match.first, int(order[match.second])) for match in matches} == {(n, n) for n in range(12)}
    assert matches[0].correlation >= matches[-1].correlation > 0.9


def test_a_constant_channel_is_like_nothing_and_extra_channels_stay_alone(features) -> None:
    first = np.column_stack([features[:, :3], np.ones(60)])
    matches = match_channels(channel_correlation(first, features[:, :2]))
    assert {(match.first, match.second) for match in matches} == {(0, 0), (1, 1)}
    assert channel_correlation(first, features)[3].tolist() == [0] * 12
