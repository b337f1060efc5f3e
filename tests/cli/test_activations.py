"""`activations` and `film`: pictures for any image, films of the recorded epochs."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catsdogs_exp.__main__ import main
from catsdogs_exp.record.activation_arrays import ActivationFiles, epoch_files, read_activations


@pytest.fixture
def image(tmp_path: Path, save_photo) -> Path:
    return save_photo(tmp_path / "my cat [1].jpg", (60, 40))


def test_a_page_is_written_per_image_and_never_over_another(trained: Path, image: Path, tmp_path: Path, capsys) -> None:
    words = ["activations", str(trained), str(image), "--output", str(tmp_path / "out")]
    for _ in range(2):
        assert main(words) == 0
    assert capsys.readouterr().out.splitlines() == [
        str(tmp_path / "out" / "my cat [1].png"),
        str(tmp_path / "out" / "my cat [1]-2.png"),
    ]
    pages = [np.asarray(Image.open(path)) for path in sorted((tmp_path / "out").iterdir())]
    np.testing.assert_array_equal(pages[0], pages[1])
    assert pages[0].shape[1] == 1080 and len(np.unique(pages[0].reshape(-1, 3), axis=0)) > 100


def test_layers_scale_and_moment_can_be_chosen(trained: Path, image: Path, tmp_path: Path) -> None:
    base = ["activations", str(trained), str(image), "--layers", "block2_*"]
    assert main([*base, "--each", "--output", str(tmp_path / "a")]) == 0
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["my cat [1]-01-block2_conv.png", "my cat [1]-02-block2_pool.png", "my cat [1].png"]
    assert main([*base, "--scale", "layer", "--output", str(tmp_path / "b")]) == 0
    assert main([*base, "--epoch", "last", "--output", str(tmp_path / "c")]) == 0
    first, scaled, last = (np.asarray(Image.open(tmp_path / name / "my cat [1].png")) for name in "abc")
    assert first.shape == scaled.shape == last.shape
    assert (first != scaled).any() and (first != last).any()


def test_what_is_no_image_does_not_stop_the_others(trained: Path, image: Path, tmp_path: Path, capsys) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_text("no image")
    assert main(["activations", str(trained), str(bad), str(image), "--output", str(tmp_path / "out")]) == 1
    assert main(["activations", str(trained), str(bad), "--output", str(tmp_path / "out")]) == 2  # as predict
    captured = capsys.readouterr()
    assert f"error: {bad}: not an image" in captured.err
    assert captured.out.strip().endswith("my cat [1].png")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--layers", "blok1_conv"],
            "--layers must be auto, all, or names or patterns of layers. Received: blok1_conv",
        ),
        (["--channels", "0"], "--channels must be >= 1. Received: --channels 0"),
    ],
)
def test_a_mistake_is_one_line(trained: Path, image: Path, words: list[str], message: str, capsys) -> None:
    assert main(["activations", str(trained), str(image), *words]) == 2
    assert message in capsys.readouterr().err


def test_the_arrays_of_the_recorded_epochs_are_there(trained: Path) -> None:
    found = [read_activations(path) for path in epoch_files(trained / "activations")]
    assert [each.epoch for each in found] == [1, 2]
    best = read_activations(trained / "activations" / "best.npz")
    assert [layer.layer for layer in best.answers.layers] == [
        "block1_conv",
        "block1_pool",
        "block2_conv",
        "block2_pool",
    ]
    assert best.images.shape == (2, 32, 32, 3)
    assert {name.split(" ")[0] for name in best.probes} == {"cats", "dogs"}


def test_a_film_has_a_frame_per_recorded_epoch(trained: Path, capsys) -> None:
    assert main(["film", str(trained), "--layers", "block2_conv", "--gif"]) == 0
    paths = [Path(line.rpartition(": ")[0]) for line in capsys.readouterr().out.splitlines()]
    assert [path.suffix for path in paths] == [".webp", ".gif", ".webp", ".gif"]
    for path in paths:
        with Image.open(path) as film:
            assert film.n_frames == 2 and film.is_animated
            shown = []
            for number in range(2):
                film.seek(number)
                shown.append(np.asarray(film.convert("RGB")))
            assert (shown[0] != shown[1]).any()


def test_a_second_film_leaves_the_first_and_layers_may_be_patterns(trained: Path, capsys) -> None:
    assert main(["film", str(trained), "--layers", "block2_conv"]) == 0
    capsys.readouterr()
    before = {path.name: path.read_bytes() for path in (trained / "activations").glob("film-*")}
    assert main(["film", str(trained), "--layers", "block*_conv"]) == 0
    written = {Path(line.rpartition(": ")[0]).name for line in capsys.readouterr().out.splitlines()}
    assert len(written) == 2 and not written & set(before)
    assert all((trained / "activations" / name).read_bytes() == content for name, content in before.items())


def test_a_film_needs_no_tensorflow(trained: Path) -> None:
    program = (
        "import sys; from catsdogs_exp.__main__ import main; code = main(sys.argv[1:]); "
        "assert 'tensorflow' not in sys.modules; sys.exit(code)"
    )
    command = [sys.executable, "-c", program, "film", str(trained)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--layers", "block9"], "--layers must name saved layers: block1_conv, block1_pool,"),
        (["--probe", "horse"], "--probe must be one of cats "),
        (["--seconds", "0"], "--seconds must be in 0.02..60. Received: --seconds 0"),
    ],
)
def test_a_film_that_cannot_be_made_is_one_line(trained: Path, words: list[str], message: str, capsys) -> None:
    assert main(["film", str(trained), *words]) == 2
    assert message in capsys.readouterr().err


def test_a_film_of_a_run_resumed_with_other_layers_shows_those_of_all_epochs(
    trained: Path, tmp_path: Path, capsys
) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    newest = read_activations(epoch_files(run / "activations")[-1])
    fewer = replace(newest.answers, layers=newest.answers.layers[2:])
    ActivationFiles(run / "activations", 10**9).add(replace(newest, epoch=3, answers=fewer), 64)
    assert main(["film", str(run)]) == 0
    assert capsys.readouterr().out.count(": 3 epochs") == 2
    assert main(["film", str(run), "--layers", "block1_conv"]) == 2
    assert "--layers must name saved layers: block2_conv, block2_pool. Received: block1_conv" in capsys.readouterr().err
    other = replace(newest.answers, layers=newest.answers.layers[:2])
    ActivationFiles(run / "activations", 10**9).add(replace(newest, epoch=4, answers=other), 64)
    assert main(["film", str(run)]) == 2
    assert "layers that all recorded epochs have in common" in capsys.readouterr().err


def test_an_output_that_is_a_file_is_one_line(trained: Path, image: Path, capsys) -> None:
    assert main(["activations", str(trained), str(image), "--output", str(image)]) == 2
    assert f"--output must be a folder. Received: {image}" in capsys.readouterr().err
