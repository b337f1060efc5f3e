"""Linear probes, on features that separate the classes and on features that do not."""

import numpy as np
import pytest

from catsdogs_exp.insight.linear_probes import probe


def test_features_that_separate_the_classes_are_told_from_noise() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    noise = rng.normal(size=(300, 20)).astype(np.float32)
    told = noise.copy()
    told[np.arange(300), labels] += 3
    good, bad = probe(told, labels), probe(noise, labels)
    assert good.accuracy > 0.9
    assert abs(bad.accuracy - 1 / 3) < 4 * bad.deviation + 0.05


def test_more_features_than_images_and_constant_ones_do_no_harm() -> None:
    rng = np.random.default_rng(1)
    labels = np.arange(60) % 2
    features = np.zeros((60, 500), np.float32)
    features[:, :100] = rng.normal(size=(60, 100))
    features[:, :10] += 2 * labels[:, None]
    assert probe(features, labels).accuracy > 0.8


def test_the_score_is_that_of_scikit_learns_kind_of_ridge_classifier() -> None:
    rng = np.random.default_rng(2)
    labels = (np.arange(400) % 4).astype(np.int32)
    features = (rng.normal(size=(400, 10)) + np.eye(10)[labels] * 1.5).astype(np.float32)
    # the best possible: nearest class mean, since the noise is the same for all classes
    means = np.eye(10)[:4] * 1.5
    best = (np.linalg.norm(features[:, None] - means, axis=2).argmin(1) == labels).mean()
    assert abs(probe(features, labels).accuracy - best) < 0.05


def test_it_needs_two_classes_with_two_images_each() -> None:
    with pytest.raises(ValueError, match="two classes with at least two images"):
        probe(np.zeros((5, 2), np.float32), np.array([0, 0, 0, 0, 1]))


def test_activations_that_are_not_finite_count_as_the_mean() -> None:
    rng = np.random.default_rng(3)
    labels = (np.arange(80) % 2).astype(np.int32)
    features = rng.normal(size=(80, 4)).astype(np.float32)
    features[:, 0] += 4 * labels
    features[:, 3] = np.nan
    assert probe(features, labels).accuracy > 0.9
