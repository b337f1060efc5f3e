"""The line that says what training waits for."""

import pytest

from catsdogs_exp.training.profiling import Costs, advice


def line(cache: str = "disk", **changes: float) -> str:
    usual = {"step": 0.1, "fetch": 0.001, "change": 0.004, "cached": 0.0005, "workers": 2, "in_run": 0.101}
    return advice(Costs(**(usual | {"waiting": 0.01} | changes)), cache)


def test_decoding_is_found_and_the_cache_proposed() -> None:
    text = line("none", step=0.02, fetch=0.096, change=0.004, in_run=0.05, waiting=0.61)
    assert text == (
        "profile: waits 61 % of the time for its input; a step takes 50.0 ms (20.0 ms of arithmetic; input, by 2 "
        "threads: 48.0 ms reading, 2.0 ms changing): mostly on decoding; loader.cache=disk would give about 2.5x"
    )


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({}, "the input costs next to nothing; a smaller network, image size or precision would be faster"),
        ({"change": 0.3, "in_run": 0.15, "waiting": 0.3}, "mostly on augmentation; more threads, or less of it, "),
        ({"fetch": 0.3, "in_run": 0.15, "waiting": 0.3}, "mostly on reading; more threads, or less of it, would give"),
        ({"in_run": 0.12}, "the input shares the processor with the arithmetic; without it about 1.2x"),
    ],
)
def test_what_else_there_is_to_say(changes: dict[str, float], end: str) -> None:
    assert end in line(**changes)


def test_without_a_gain_no_cache_is_proposed() -> None:
    assert "loader.cache" not in line("none")
