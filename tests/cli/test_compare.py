"""`compare` as its user sees it: streams, exit codes, output formats, and how little it imports."""

import csv
import errno
import io
import json
import os
import pathlib
import pty
import re
import resource
import subprocess
import sys

import numpy as np
import pytest
import yaml

from catsdogs_exp.cli import compare
from catsdogs_exp.errors import BadInput
from catsdogs_exp.record.folder.predictions import Predictions, write_predictions

COMMAND = [sys.executable, "-m", "catsdogs_exp", "compare"]


def make_run(folder, val_accuracy, *, lr=0.001, seed=0, test=None, **result):
    folder.mkdir(parents=True)
    content = {
        "status": "ok",
        "objective": {"name": "val_accuracy", "value": val_accuracy, "epoch": 3},
        "metrics": {"val": {"loss": 0.123456789, "accuracy": val_accuracy}},
        "epochs": 4,
        "seconds": 12.34,
        "images_per_second": 200.0,
        "error": None,
    }
    if val_accuracy is None:
        content |= {"objective": None, "metrics": {}, "seconds": 0.0}
    if test is not None:
        content["metrics"]["test"] = {"loss": 1.0, "accuracy": test}
    config = {"lr": lr, "seed": seed, "flip": True, "optimizer": {"name": "adam", "learning_rate": lr}}
    (folder / "result.json").write_text(json.dumps(content | result))
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    (folder / "metrics.csv").write_text(f"epoch,val_accuracy\n1,0.5\n2,{val_accuracy or 0.25}\n")
    return folder


@pytest.fixture
def outputs(tmp_path):
    """Three runs, one of them failed."""
    make_run(tmp_path / "outputs" / "10-lr=0.1", 0.75, lr=0.1)
    make_run(tmp_path / "outputs" / "9-lr=0.01", 0.9, lr=0.01)
    error = "RunFailed: the loss became NaN at step 17 of epoch 1; take a smaller lr than this one"
    make_run(tmp_path / "outputs" / "2-lr=5", None, lr=5.0, status="failed", error=error)
    return tmp_path / "outputs"


def command(*arguments, cwd=None):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], check=False, cwd=cwd, capture_output=True, text=True, timeout=60
    )


def test_on_a_pipe_a_plain_line_a_run(outputs):
    done = command(cwd=outputs.parent)
    assert (done.returncode, done.stderr) == (0, "")
    headline, header, *rows = done.stdout.splitlines()[:5]
    assert headline == f"3 runs in {outputs}, best first by val_accuracy (higher is better)"
    assert header.split() == [
        *("run", "status", "val_accuracy", "best_epoch", "val_loss", "last", "last10", "seconds"),
        *("images_per_second", "lr", "reason"),
    ]
    assert rows[0].split() == [
        "9-lr=0.01",
        "ok",
        "0.9000",
        "3",
        "0.1235",
        "0.9000",
        "0.7000",
        "12.3",
        "200.0",
        "0.01",
        "-",
    ]
    assert rows[1].split()[:3] == ["10-lr=0.1", "ok", "0.7500"]
    assert rows[2].split(maxsplit=10) == [
        *("2-lr=5", "failed", "-", "-", "-", "0.2500", "0.3750", "-", "200.0", "5.0"),
        "RunFailed: the loss became NaN at step 17 of epoch 1; take …",
    ]
    assert done.stdout.splitlines()[5:] == [
        "",
        "Is the best run better? Not tested: the best run has no predictions.csv: it was trained with an older version",
    ]
    assert "\x1b" not in done.stdout


def make_recipe_runs(root, differing):
    """Two runs of each of two recipes that differ in `differing` settings, and in the seed."""
    for recipe, value in (("first", 1), ("second", 2)):
        for seed in (0, 1):
            folder = make_run(root / f"{recipe}{seed}", 0.5, seed=seed)
            config = yaml.safe_load((folder / "config.yaml").read_text())
            config |= {"experiment": recipe, "model": {f"key{number}": value for number in range(differing)}}
            (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


@pytest.mark.parametrize("form", [(), ("--markdown",)])
def test_settings_of_recipes_go_under_their_names_where_they_are_many(tmp_path, form):
    make_recipe_runs(tmp_path, 20)
    done = command(tmp_path, *form)
    header = done.stdout.splitlines()[0 if form else 1].replace("|", " ").split()
    assert header[-4:] == ["seconds", "images_per_second", "seed", "experiment"]
    assert done.stderr == "20 settings that are the same in all runs of an experiment are left out: --csv shows all\n"


def test_few_settings_of_recipes_stay(tmp_path):
    make_recipe_runs(tmp_path, 5)
    done = command(tmp_path)
    assert done.stdout.splitlines()[1].split()[-7:] == ["seed", "experiment", *(f"model.key{n}" for n in range(5))]
    assert done.stderr == ""


def test_two_runs_show_all_in_which_they_differ(tmp_path):
    make_recipe_runs(tmp_path, 20)
    done = command(tmp_path / "first0", tmp_path / "second0")
    assert done.stdout.splitlines()[1].split()[-1] == "model.key19"
    assert done.stderr == ""


@pytest.mark.parametrize("form", ["--csv", "--json"])
def test_data_has_all_settings_that_differ(tmp_path, form):
    make_recipe_runs(tmp_path, 20)
    done = command(tmp_path, form)
    assert all(f"model.key{number}" in done.stdout for number in range(20))
    assert done.stderr == ""


def test_long_names_are_not_cut_on_a_pipe(tmp_path, capsys):
    name = "0-" + "dataset.path=_a_long_way_" * 8
    make_run(tmp_path / name, 0.5)
    assert compare.main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[2].startswith(f"{name}  ok  ")


def test_csv_alone_on_stdout_and_remarks_on_stderr(outputs):
    (outputs / "broken").mkdir()
    (outputs / "broken" / "result.json").write_text('{"sta')
    done = command(outputs, "--csv")
    assert done.returncode == 0
    assert done.stderr.startswith("skipped broken: result.json cannot be read (")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["run"] for row in rows] == ["9-lr=0.01", "10-lr=0.1", "2-lr=5"]
    assert rows[0]["val_loss"] == "0.123456789"
    assert rows[0]["reason"] == ""
    assert rows[2]["val_accuracy"] == ""
    assert rows[2]["reason"].endswith("take a smaller lr than this one")


def test_json_alone_on_stdout(outputs, capsys):
    assert compare.main([str(outputs), "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    content = json.loads(out)
    assert (content["root"], content["by"], content["differing"]) == (str(outputs), "val_accuracy", ["lr"])
    assert content["runs"][0] == {
        "run": "9-lr=0.01",
        "status": "ok",
        "reason": None,
        "error": None,
        "objective": "val_accuracy",
        "best_epoch": 3,
        "metrics": {
            "val_accuracy": 0.9,
            "val_loss": 0.123456789,
            "seconds": 12.34,
            "images_per_second": 200.0,
            "last": 0.9,
            "last10": 0.7,
        },
        "settings": {"lr": 0.01},
    }
    assert content["runs"][2]["error"].startswith("RunFailed: ")


def test_markdown(outputs, capsys):
    make_run(outputs / "a|b", 0.95, lr=0.001)
    assert compare.main([str(outputs), "--markdown"]) == 0
    header, rule, first, *_ = capsys.readouterr().out.splitlines()
    assert header.startswith("| run | status | val_accuracy | best_epoch | val_loss | last |")
    assert rule == "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    assert first == r"| a\|b | ok | 0.9500 | 3 | 0.1235 | 0.9500 | 0.7250 | 12.3 | 200.0 | 0.001 | - |"


def test_the_metric_ranked_by_leads(outputs, capsys):
    compare.main([str(outputs), "--by", "seconds"])
    assert "best first by seconds (lower is better)" in capsys.readouterr().out
    compare.main([str(outputs), "--by", "images_per_second", "--csv"])
    header = capsys.readouterr().out.splitlines()[0].split(",")
    assert header[:5] == ["run", "status", "images_per_second", "best_epoch", "val_accuracy"]


def test_test_accuracy_when_a_run_has_it(outputs, capsys):
    compare.main([str(outputs), "--csv"])
    assert "test_accuracy" not in capsys.readouterr().out
    make_run(outputs / "tested", 0.5, test=0.625)
    compare.main([str(outputs), "--csv"])
    rows = {row["run"]: row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert rows["tested"]["test_accuracy"] == "0.625"
    assert rows["9-lr=0.01"]["test_accuracy"] == ""


def test_different_objectives_get_a_column(outputs, capsys):
    make_run(outputs / "x", 0.5, objective={"name": "val_loss", "value": 0.1, "epoch": 7})
    compare.main([str(outputs), "--csv"])
    out, err = capsys.readouterr()
    assert err == "objectives differ (val_accuracy, val_loss): ranked by val_accuracy; choose with --by\n"
    rows = {row["run"]: row for row in csv.DictReader(io.StringIO(out))}
    assert (rows["x"]["objective"], rows["x"]["best_epoch"]) == ("val_loss", "7")
    assert rows["2-lr=5"]["objective"] == ""


@pytest.fixture
def seeds(tmp_path):
    for lr, values in ((0.1, (0.5, 0.75)), (0.01, (0.875, 0.625, 0.75))):
        for seed, value in enumerate(values):
            make_run(tmp_path / f"{lr}-{seed}", value, lr=lr, seed=seed)
    make_run(tmp_path / "1-0", None, lr=1.0, status="failed", error="RunFailed: NaN")
    return tmp_path


@pytest.mark.parametrize("keys", ["lr", "~seed", " lr ,lr"])
def test_groups_for_people(seeds, capsys, keys):
    assert compare.main([str(seeds), "--group-by", keys]) == 0
    out, err = capsys.readouterr()
    assert err == "only completed runs count; left out: 1 failed\n"
    headline, header, *rows = out.splitlines()
    assert headline == f"6 runs in {seeds}, grouped by lr, best first by val_accuracy (higher is better)"
    assert re.split(r" {2,}", header.strip()) == [
        *("lr", "n", "val_accuracy mean ± std", "95 % interval", "min", "max", "p against the first")
    ]
    assert [re.split(r" {2,}", row.strip()) for row in rows] == [
        ["0.01", "3", "0.7500 ± 0.1250", "0.4395 to 1.0000", "0.6250", "0.8750", "-"],
        ["0.1", "2", "0.6250 ± 0.1768", "0.0000 to 1.0000", "0.5000", "0.7500", "0.55"],
        ["1.0", "0", "-", "-", "-", "-", "-"],
    ]


def test_groups_as_csv(seeds, capsys):
    compare.main([str(seeds), "--group-by", "~seed", "--csv"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert rows[0] == {
        "lr": "0.01",
        "n": "3",
        "val_accuracy_mean": "0.75",
        "val_accuracy_std": "0.125",
        "val_accuracy_95_low": "0.4394827860312089",
        "val_accuracy_95_high": "1.0",
        "val_accuracy_min": "0.625",
        "val_accuracy_max": "0.875",
        "p_value": "",
    }
    assert list(rows[2].values()) == ["1.0", "0", *([""] * 7)]


def test_groups_as_json(seeds, capsys):
    compare.main([str(seeds), "--group-by", "lr", "--json"])
    content = json.loads(capsys.readouterr().out)
    assert content["group_by"] == ["lr"]
    assert content["groups"][0] == {
        "settings": {"lr": 0.01},
        "n": 3,
        "mean": 0.75,
        "std": 0.125,
        "interval_95": [0.4394827860312089, 1.0],
        "corrected_p_value": None,
        "min": 0.625,
        "max": 0.875,
        "runs": ["0.01-0", "0.01-2", "0.01-1"],
    }
    assert content["groups"][2]["mean"] is None


def test_settings_as_one_would_type_them(tmp_path, capsys):
    for name, path, size in (("a", None, [120, 160]), ("b", "~/photos", [150, 150])):
        run = make_run(tmp_path / name, 0.5)
        text = yaml.safe_dump({"flip": path is None, "path": path, "size": size}, sort_keys=False)
        (run / "config.yaml").write_text(text)
    compare.main([str(tmp_path), "--csv"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["flip"], row["path"], row["size"]) for row in rows] == [
        ("true", "null", "[120,160]"),
        ("false", "~/photos", "[150,150]"),
    ]


def test_names_that_would_break_a_table(tmp_path, capsys):
    make_run(tmp_path / "a\nb\x1b[2J[red]", 0.5)
    make_run(tmp_path / os.fsdecode(b"c\xff"), 0.25)
    compare.main([str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("a\\nb\\x1b[2J[red]  ok")
    assert lines[3].startswith("c\\udcff")
    for form in ("--csv", "--markdown", "--json"):
        compare.main([str(tmp_path), form])
        capsys.readouterr().out.encode()


# is the best better?


def judged(folder, *, wrong, n=200):
    """A run whose network is wrong on some of n images."""
    labels = np.arange(n, dtype=np.int32) % 2
    said = np.where(np.isin(np.arange(n), wrong), 1 - labels, labels)
    values = np.where(said[:, None] == np.arange(2), np.float32(0.75), np.float32(0.25))
    run = make_run(folder, 1 - len(wrong) / n, lr=0.1 * len(wrong), data_hash="same")
    paths = tuple(f"[bold]/{place}.jpg" for place in range(n))
    write_predictions(
        run / "predictions.csv", Predictions(("cats", "dogs"), paths, ("validation",) * n, labels, values)
    )
    return run


def test_the_best_is_tested_against_the_others(tmp_path, capsys):
    judged(tmp_path / "a", wrong=range(4))
    judged(tmp_path / "b", wrong=range(3, 9))
    judged(tmp_path / "c", wrong=range(60))
    make_run(tmp_path / "d", 0.5)
    compare.main([str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[lines.index("") + 1 :] == [
        "Is a better? Than 1 of the other 2 runs, by McNemar's exact test on the same images, corrected for all of "
        "them (Holm):",
        "  b: 0.980 against 0.970: not distinguishable on 200 images; 3,800 would be needed",
        "  c: 0.980 against 0.700: better on 200 images (p < 0.001)",
        "Not tested: d: has no predictions.csv: it was trained with an older version",
    ]
    compare.main([str(tmp_path), "--json"])
    content = json.loads(capsys.readouterr().out)
    first, second = content["tests"]
    assert first["runs"] == ["a", "b"]
    assert (first["method"], first["images"], first["split"]) == ("McNemar's exact test", 200, "validation")
    assert first["p_value"] == first["corrected_p_value"] == pytest.approx(0.7265625)
    assert (first["better"], second["better"]) == (False, True)
    assert second["corrected_p_value"] == pytest.approx(2 * second["p_value"])
    assert content["not_tested"] == [
        {"run": "d", "reason": "has no predictions.csv: it was trained with an older version"}
    ]


def test_of_two_runs_the_images_on_which_they_disagree(tmp_path, capsys):
    judged(tmp_path / "a", wrong=range(1))
    judged(tmp_path / "b", wrong=range(1, 13))
    compare.main([str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("They disagree on 13 of 200 validation images: a is right on 12, b on 1")
    assert lines[start + 1] == "  [bold]/0.jpg: dogs 0.75 against cats 0.75, it is cats"
    assert lines[start + 11] == "  ... and 3 more: --json has all, --html shows them"
    compare.main([str(tmp_path), "--json"])
    content = json.loads(capsys.readouterr().out)["disagreement"]
    assert len(content["disputed"]) == 13
    assert content["settings"]["lr"] == [0.1, pytest.approx(1.2)]


def test_only_runs_that_fulfil_a_condition(outputs, capsys):
    compare.main([str(outputs), "--where", "lr<0.5", "--where", "status=ok", "--csv"])
    out, err = capsys.readouterr()
    assert [row["run"] for row in csv.DictReader(io.StringIO(out))] == ["9-lr=0.01", "10-lr=0.1"]
    assert err == "--where selects 2 of 3 runs\n"
    with pytest.raises(BadInput, match="None of the 3 runs satisfies --where lr>100"):
        compare.main([str(outputs), "--where", "lr>100"])


def test_seeds_are_joined_below_the_table(seeds, capsys):
    compare.main([str(seeds)])
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("Over seeds and folds")
    assert lines[start + 2].split()[:5] == ["0.01", "3", "0.7500", "±", "0.1250"]


# mistakes


def test_no_outputs_folder(tmp_path):
    done = command(cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: PATH must be a run folder or a folder that contains runs. "
        "Received: outputs (it does not exist). "
        "Train a run with python -m catsdogs_exp, or name another folder.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--by", "accuracy_val"], "--by must be one of val_accuracy, .* Received: --by accuracy_val"),
        (["--by", "tset_loss"], "Did you mean test_loss"),
        (["--group-by", "sede"], "Received: --group-by sede. Did you mean seed"),
        (["--group-by", ""], "--group-by must name one or more settings, with commas. Received: nothing"),
        (["--group-by", "lr,"], "Received: nothing. Keys that differ: lr"),
    ],
)
def test_unknown_names(outputs, capsys, arguments, message):
    with pytest.raises(BadInput, match=message) as caught:
        compare.main([str(outputs), *arguments])
    assert caught.value.exit_code == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--csv", "--json"], "--csv and --json cannot be combined. Received both: leave one out."),
        (["--sort", "lr"], "Unknown option: --sort. Known: --by"),
        (["--by"], "--by needs a value: --by METRIC. Received none."),
    ],
)
def test_arguments_that_make_no_sense(arguments, message):
    with pytest.raises(BadInput, match=message):
        compare.main(arguments)


def test_help(capsys):
    with pytest.raises(SystemExit) as caught:
        compare.main(["--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: python -m catsdogs_exp compare [-h]")
    assert "--group-by KEY[,KEY]" in out
    assert out.count("  python -m catsdogs_exp compare outputs") == 3


def on_closed_pipe(folder, runs):
    """The exit code and the words on stderr when nobody reads the output."""
    for number in range(runs):
        make_run(folder / f"{number}-{'x' * 220}", 0.5)
    # Buffered, as usual: then a pipe's end shows only when the buffer is written.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        [*COMMAND, str(folder), "--csv"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        process.stdout.close()
        words = process.stderr.read().decode()
    return process.returncode, words


@pytest.mark.parametrize("runs", [3, 300])  # less and more than a pipe holds
def test_a_closed_pipe_is_not_complained_of(tmp_path, runs):
    assert on_closed_pipe(tmp_path, runs)[1] == ""


def test_a_closed_pipe_is_no_error(tmp_path):
    assert on_closed_pipe(tmp_path, 3)[0] == 0


# a terminal


def on_terminal(outputs, columns, *arguments):
    """What the command writes to a terminal of so many columns, without colours."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    with subprocess.Popen(
        [*COMMAND, str(outputs), *arguments], stdout=follower, stdin=follower, env=environment
    ) as process:
        os.close(follower)
        pieces = []
        while True:
            try:
                piece = os.read(leader, 65536)
            except OSError:  # Linux's way to say that the other end is closed
                break
            if not piece:
                break
            pieces.append(piece)
    os.close(leader)
    assert process.returncode == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", b"".join(pieces).decode()).replace("\r\n", "\n")


def test_on_a_wide_terminal_everything(outputs):
    text = on_terminal(outputs, 200)
    lines = [line.split() for line in text.splitlines()]
    assert ["9-lr=0.01", "ok", "0.9000", "3", "0.1235", "0.9000", "0.7000", "12.3", "200.0", "0.01", "-"] in lines
    assert "RunFailed: the loss became NaN at step 17 of epoch 1; take …" in text
    assert "no room" not in text


def test_on_a_narrow_terminal_numbers_stay_whole(outputs):
    text = on_terminal(outputs, 70)
    lines = [line.split() for line in text.splitlines()]
    assert ["9-lr=0.01", "ok", "0.9000", "3", "0.1235", "0.01", "-"] in lines
    assert "no room for images_per_second, last10, last, seconds: widen the terminal, or use --csv" in text
    table = text.splitlines()[1 : text.splitlines().index("")]
    assert max(map(len, table[:-1])) <= 70  # the last one says what has no room


def test_the_metric_ranked_by_stays_on_a_narrow_terminal(outputs):
    text = on_terminal(outputs, 40, "--by", "last10")
    assert ["9-lr=0.01", "ok", "0.7000", "3", "0.01", "-"] in [line.split() for line in text.splitlines()]


# speed


def test_neither_tensorflow_nor_hydra_is_imported(outputs):
    program = (
        "import sys; from catsdogs_exp.__main__ import main; code = main(['compare', sys.argv[1]]);"
        "heavy = {'tensorflow', 'keras', 'hydra', 'omegaconf'} & set(sys.modules);"
        "sys.exit(f'imported: {sorted(heavy)}' if heavy else code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(outputs)], check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "9-lr=0.01" in done.stdout


def test_a_hundred_runs_in_a_second(tmp_path):
    for number in range(100):
        run = make_run(tmp_path / f"{number}-x", number / 100, seed=number)
        filler = {f"group{index}": {f"key{inner}": 0.5 for inner in range(8)} for index in range(9)}
        with (run / "config.yaml").open("a") as handle:
            handle.write(yaml.safe_dump(filler))
    took = []
    for _ in range(3):  # of the processor, the best of three: other programs share the machine
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert command(tmp_path, "--csv").stdout.splitlines()[1].startswith("99-x,ok,0.99,")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    assert min(took) < 1.0


def test_folders_that_may_not_be_entered_are_passed_over(outputs, monkeypatch, capsys):
    """Whoever may read a folder but not enter it sees its names; looking at them ended the command in a traceback."""
    (outputs / "half" / "locked").mkdir(parents=True)
    (outputs / "half" / "another").mkdir()
    look = pathlib.Path.stat

    def stat(path, **options):
        if "half" in path.parent.name:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return look(path, **options)

    monkeypatch.setattr(pathlib.Path, "stat", stat)
    assert compare.main([str(outputs), "--csv"]) == 0
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 4
    assert [line for line in said.err.splitlines() if "cannot read" in line] == [
        f"cannot read {outputs / 'half' / name}" for name in ("another", "locked")
    ]


def test_settings_are_known_where_a_path_is_not_utf_8(outputs, capsys):
    config = {"lr": 0.5, "dataset": {"name": "folder", "path": "caf\udce9/photos"}}
    (outputs / "10-lr=0.1" / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True))
    assert compare.main([str(outputs), "--csv"]) == 0
    said = capsys.readouterr()
    assert "are unknown" not in said.err
    assert "0.5" in {row["lr"] for row in csv.DictReader(io.StringIO(said.out))}


def test_json_of_a_setting_that_json_does_not_have(outputs, capsys):
    """YAML has infinity, and people edit files."""
    config = next(outputs.rglob("config.yaml"))
    config.write_text(config.read_text().replace("seed: ", "clip: .inf\nseed: "))
    assert compare.main([str(outputs), "--json"]) == 0
    content = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert "clip" in content["differing"]
