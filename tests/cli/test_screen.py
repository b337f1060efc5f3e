"""The output of a run that is not on a terminal."""

from types import SimpleNamespace

from catsdogs_exp.cli.screen import TerminalScreen
from catsdogs_exp.training.progress import EpochResult


def test_work_is_counted_in_its_own_units_and_downloads_in_megabytes(capsys) -> None:
    screen = TerminalScreen("[2/3] ")
    for what, total in (
        ("inspecting", 300),
        ("downloading rps.zip", 200_682_221),
        ("channel use", 8),
        ("visualizing", 12),
    ):
        screen.progress(what, 0, total)
        screen.progress(what, total // 2, total)
        screen.progress(what, total, total)
    first, second, *others = capsys.readouterr().err.splitlines()
    assert first.startswith("[2/3] inspecting 300 images: ")
    assert second.startswith("[2/3] downloading rps.zip 200.7 MB: ")
    assert [line.partition(":")[0] for line in others] == [
        "[2/3] channel use 8 layers",
        "[2/3] visualizing 12 channels",
    ]


def test_a_silent_screen_shows_nothing(capsys, monkeypatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    shows = {}
    for silent in (False, True):
        screen = TerminalScreen("[2/3] ", silent)
        screen.say("hello")
        screen.progress("inspecting", 1, 2)
        screen.progress("inspecting", 2, 2)
        display = screen.training(lambda: 3, batch_size=8)
        display.on_step(1, 1, 5, SimpleNamespace(averages=lambda: {"loss": 0.5, "accuracy": 0.5}))
        display.on_epoch(EpochResult(1, 1, {"loss": 0.5}, {}, 0.001, 1.0, 100.0, 0.0, True))
        screen.close()
        shows[silent] = capsys.readouterr()
    assert "hello" in shows[False].err and "epoch 1/3" in shows[False].err
    assert shows[True] == ("", "")
