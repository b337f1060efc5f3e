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
        (["training.focal_gamma=2"], ["training.focal_gamma changes nothing without training.loss=focal"]),
        (["training.focal_gamma=2", "training.loss=focal"], []),
        (
            ["training.precise_batch_norm=9"],
            ["training.precise_batch_norm changes nothing without batch normalisation"],
        ),
        (["training.precise_batch_norm=9", "model.batch_norm=true"], []),
        (["training.precise_batch_norm=9", "model=resnet"], []),
        (
            ["training.precise_batch_norm=9", "model=mbconv", "model.norm=layer"],
            ["training.precise_batch_norm changes nothing without batch normalisation"],
        ),
        (["training.precise_batch_norm=9", "model=transfer"], []),
        (["training.finetune.lr=0.1"], ["training.finetune.lr changes nothing without training.finetune.epochs"]),
        (["split.folds=3", "split.validation=0.3"], ["split.validation changes nothing with split.folds"]),
        (
            ["schedule=step", "schedule.milestones=[5,9]", "epochs=5"],
            ["schedule.milestones changes nothing: [5,9] is not before epochs=5"],
        ),
        (["schedule=step", "schedule.milestones=[4,9]", "epochs=5"], []),
        (
            ["schedule=step", "schedule.milestones=[4,9]", "schedule.every=2", "epochs=5"],
            ["schedule.every changes nothing with schedule.milestones"],
        ),
        (
            ["schedule=step", "schedule.every=5", "epochs=5"],
            ["schedule.every changes nothing: 5.0 is not before epochs=5"],
        ),
        (["schedule=step", "schedule.every=4.5", "epochs=5"], []),
        (["schedule=step", "schedule.milestones=[7]", "epochs=5", "training.finetune.epochs=3"], []),
    ],
)
def test_a_setting_that_another_one_overrides_is_told(words: list[str], said: list[str], tmp_path) -> None:
    assert Job(config_of(words), tmp_path, "", "", words).idle_words() == said
