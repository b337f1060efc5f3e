"""The staircase's verdict: the layer that suffices, and the setting to try."""

from pathlib import Path

import pytest

from catsdogs_exp.__main__ import main
from catsdogs_exp.insight.staircase import Step
from catsdogs_exp.record.listeners.staircase import verdict

RISING = [Step("block1_conv", 0.61, 0.02), Step("block2_conv", 0.80, 0.02), Step("block3_conv", 0.91, 0.01)]
EARLY = [Step("block1_conv", 0.61, 0.02), Step("block2_conv", 0.985, 0.01), Step("block3_conv", 0.99, 0.01)]


@pytest.mark.parametrize(
    ("words", "setting"),
    [
        (["depth=3"], "; try depth=2"),
        (["model=efficientnet_lite0"], "; try model.cut=block2_conv"),
        (["model=resnet"], ""),
    ],
)
def test_the_layer_that_suffices_and_the_setting_that_ends_there(config, words: list[str], setting: str) -> None:
    model = config(*words).model
    assert verdict(EARLY, model, 0.5) == (
        f"linear probes: block2_conv reaches 0.985, the last layer, block3_conv, 0.990{setting} (staircase.png)"
    )


def test_where_accuracy_rises_to_the_end_nothing_is_proposed(config) -> None:
    assert verdict(RISING, config("model=efficientnet_lite0").model, 0.5) == (
        "linear probes: no layer below the last one, block3_conv, reaches its 0.910 (staircase.png)"
    )


def test_a_pooling_of_the_last_block_is_no_shallower_network(config) -> None:
    steps = [*EARLY[:1], Step("block2_conv", 0.9, 0.01), Step("block2_pool", 0.9, 0.01)]
    assert verdict(steps, config("depth=2").model, 0.5) == (
        "linear probes: block2_conv reaches 0.900, the last layer, block2_pool, 0.900 (staircase.png)"
    )


def test_at_chance_nothing_is_proposed(config) -> None:
    steps = [Step("block1_conv", 0.53, 0.03), Step("block2_conv", 0.49, 0.03)]
    assert verdict(steps, config("depth=2").model, 0.5) == (
        "linear probes: no layer separates the classes; the best, block1_conv, reaches 0.530, the most frequent class "
        "alone 0.500 (staircase.png)"
    )


def test_a_resumed_run_keeps_the_epochs_recorded_before(bare: tuple[str, ...], tmp_path: Path) -> None:
    """As if it had been trained at one go; what a kill has written half is recorded once more."""
    words = [*bare, "logging.probes.every=2"]
    assert main([*words, "epochs=4", f"output_dir={tmp_path / 'whole'}"]) == 0
    assert main([*words, "epochs=3", f"output_dir={tmp_path / 'parts'}"]) == 0
    whole, parts = (next((tmp_path / name / "drawn").iterdir()) for name in ("whole", "parts"))
    with (parts / "staircase.csv").open("a", encoding="utf-8") as handle:
        handle.write("4,block1_conv,0.")
    assert main(["resume", str(parts), "epochs=4"]) == 0
    recorded = (parts / "staircase.csv").read_text(encoding="utf-8")
    assert recorded == (whole / "staircase.csv").read_text(encoding="utf-8")
    assert {"1", "2", "4"} <= {line.partition(",")[0] for line in recorded.splitlines()}
