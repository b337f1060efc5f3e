"""What a run prints at its end can be copied into a shell."""

import shlex
from pathlib import Path

from catsdogs_exp.run.summary import closing_lines


def test_the_next_commands_name_a_folder_with_a_space() -> None:
    content = {
        "objective": {"name": "val_accuracy", "value": 0.9, "epoch": 1},
        "metrics": {"validation": {"accuracy": 0.9}},
        "epochs": 1,
        "images_per_second": 100.0,
    }
    lines = closing_lines(Path("my runs/drawn/2026"), content, 3.0)
    typed = [shlex.split(line) for line in lines if "python -m" in line]
    assert [words[3:] for words in typed] == [
        ["predict", "my runs/drawn/2026", "IMAGE..."],
        ["compare", "my runs/drawn"],
        ["board", "my runs"],
    ]
