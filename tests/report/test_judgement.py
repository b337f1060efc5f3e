"""The part of a page about how well a network classifies."""

import numpy as np
import pytest

from catsdogs_exp.record.folder.predictions import Predictions
from catsdogs_exp.report.judgement import judgement


def judged(dogs: list[float], labels: list[int]) -> str:
    values = np.array(dogs, np.float32)
    paths = tuple(f"{number}.jpg" for number in range(len(dogs)))
    said = np.stack([1 - values, values], axis=1)
    found = Predictions(("cats", "dogs"), paths, ("validation",) * len(dogs), np.array(labels, np.int32), said)
    return str(judgement(found)["threshold"])


@pytest.mark.parametrize(
    ("dogs", "labels", "text"),
    [
        ([0.1, 0.6, 0.9], [0, 0, 1], "Best threshold for dogs: 0.750, with an accuracy of 1.000; 0.5 gives 0.667."),
        (
            [1.0, 1.0, 1.0],  # of a network that has diverged
            [0, 0, 1],
            "Best threshold for dogs: 1, which no prediction exceeds, with an accuracy of 0.667; 0.5 gives 0.333.",
        ),
    ],
)
def test_the_best_threshold_is_in_words(dogs: list[float], labels: list[int], text: str) -> None:
    assert judged(dogs, labels).startswith(text)
