"""Settings that change nothing in a run."""

import pytest

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.run.job import Job


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["depth=2", "lr=0.1"], []),
        (["depth=2", "model=resnet", "batch_size=8", "loader.batch_size=8"], []),
        (["depth=2", "model=transfer"], ["depth changes nothing: model=transfer has none"]),
        (["depth=2", "model.depth=3"], ["depth changes nothing: model.depth=3 is set"]),
        (["+depth=2", "model=course_a"], []),
        (
            ["lr=0.1", "optimizer.learning_rate=0.01", "target_size=32", "loader.target_size=48"],
            [
                "lr changes nothing: optimizer.learning_rate=0.01 is set",
                "target_size changes nothing: loader.target_size=[48,48] is set",
            ],
        ),
        (["model=transfer"], []),
    ],
)
def test_a_setting_that_another_one_overrides_is_told(words: list[str], said: list[str], tmp_path) -> None:
    assert Job(config_of(words), tmp_path, "", "", words).idle_words() == said
