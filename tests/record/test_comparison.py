"""Comparing runs: found, read, ranked, grouped; damaged ones reported and left out."""

import json
import os
from pathlib import Path

import pytest
import yaml

from catsdogs_exp.errors import BadInput
from catsdogs_exp.metrics.names import lower_is_better
from catsdogs_exp.record.comparison import WIRED, compare, settled_by_recipe, told_apart
from catsdogs_exp.record.folder.run_reader import METRICS, MISSING
from catsdogs_exp.record.run_groups import group_runs

CONFIG = {
    "lr": 0.001,
    "batch_size": 20,
    "target_size": [150, 150],
    "depth": 3,
    "seed": 0,
    "output_dir": "outputs",
    "experiment": None,
    "dataset": {"name": "drawn", "seed": 0},
    "loader": {"batch_size": 20, "target_size": [150, 150]},
    "model": {"name": "cnn", "depth": 3},
    "optimizer": {"name": "rmsprop", "learning_rate": 0.001, "rho": 0.9},
}
HEADER = "epoch,loss,accuracy,val_loss,val_accuracy,learning_rate,seconds,images_per_second"


def settings(**changes):
    """The config with flat keys and their copies set, as Hydra would."""
    config = json.loads(json.dumps(CONFIG))
    for key, value in changes.items():
        config[key] = value
    config["optimizer"]["learning_rate"] = config["lr"]
    config["loader"] |= {"batch_size": config["batch_size"], "target_size": config["target_size"]}
    config["model"]["depth"] = config["depth"]
    return config


def make_run(folder, val_accuracy=0.5, *, status="ok", config=None, epochs=None, **result):
    folder.mkdir(parents=True)
    content = {
        "status": status,
        "objective": None,
        "metrics": {},
        "seconds": 0.0,
        "images_per_second": None,
        "error": None,
    }
    if val_accuracy is not None:
        content |= {
            "objective": {"name": "val_accuracy", "value": val_accuracy, "epoch": 2},
            "metrics": {
                "train": {"loss": 0.25, "accuracy": 0.875},
                "val": {"loss": 0.5, "accuracy": val_accuracy},
            },
            "seconds": 12.5,
            "images_per_second": 200.0,
        }
    (folder / "result.json").write_text(json.dumps(content | result))
    (folder / "config.yaml").write_text(yaml.safe_dump(config or settings(), sort_keys=False))
    if epochs is not None:
        rows = [f"{number},1.0,0.5,0.7,{value},0.001,1.0,100.0" for number, value in enumerate(epochs, 1)]
        (folder / "metrics.csv").write_bytes("".join(f"{row}\r\n" for row in [HEADER, *rows]).encode())
    return folder


def names(comparison):
    return [run.name for run in comparison.runs]


def test_best_first(tmp_path):
    for name, value in (("low", 0.25), ("high", 0.75), ("mid", 0.5)):
        make_run(tmp_path / name, value)
    found = compare([tmp_path])
    assert names(found) == ["high", "mid", "low"]
    assert (found.by, found.root, found.remarks) == ("val_accuracy", tmp_path, ())
    assert found.runs[0].objective == "val_accuracy"
    assert found.runs[0].epoch == 2
    assert found.runs[0].metrics == {
        "val_accuracy": 0.75,
        "val_loss": 0.5,
        "accuracy": 0.875,
        "loss": 0.25,
        "seconds": 12.5,
        "images_per_second": 200.0,
    }


def test_crop_sensitivity_that_was_not_measured_says_how_to(tmp_path):
    make_run(tmp_path / "one", 0.5)
    assert compare([tmp_path], "crop_sensitivity").remarks == (
        "no run has crop_sensitivity: measure it with evaluate RUN --crops",
    )


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_ranks_in_its_own_direction(tmp_path, metric):
    for name, value in (("small", 0.25), ("large", 0.75)):
        values = {"loss": value, "accuracy": value}
        make_run(
            tmp_path / name,
            metrics={"train": values, "val": values, "test": values},
            seconds=value,
            images_per_second=value,
            crop_sensitivity={"share": value},
            epochs=[value],
        )
    lower = metric in ("loss", "val_loss", "test_loss", "seconds", "crop_sensitivity")
    assert lower_is_better(metric) is lower
    assert names(compare([tmp_path], metric)) == (["small", "large"] if lower else ["large", "small"])


def test_ties_in_natural_order(tmp_path):
    for name in ("10-lr=1", "9-lr=1", "100-lr=1"):
        make_run(tmp_path / name)
    assert names(compare([tmp_path])) == ["9-lr=1", "10-lr=1", "100-lr=1"]


@pytest.mark.parametrize("by", ["val_accuracy", "test_accuracy", "accuracy"])
def test_a_tie_goes_to_the_lower_loss_on_the_same_images(tmp_path, by):
    for name, loss in (("a", 0.3), ("b", 0.1), ("c", None), ("d", 0.2)):
        found = {"loss": loss, "accuracy": 1.0}
        others = {split: {"loss": 1.0, "accuracy": 0.5} for split in ("train", "val", "test")}
        split = {"val_accuracy": "val", "test_accuracy": "test", "accuracy": "train"}[by]
        make_run(tmp_path / name, metrics=others | {split: found})
    assert names(compare([tmp_path], by)) == ["b", "d", "a", "c"]


def test_runs_without_a_result_are_last_with_status_and_error(tmp_path):
    make_run(tmp_path / "a", None, status="failed", error="RunFailed: the loss became NaN")
    make_run(tmp_path / "b", None, status="running")
    make_run(tmp_path / "c", 0.1)
    found = compare([tmp_path])
    assert [(run.name, run.status, run.error) for run in found.runs] == [
        ("c", "ok", None),
        ("a", "failed", "RunFailed: the loss became NaN"),
        ("b", "running", None),
    ]
    assert found.runs[1].objective is None
    # `seconds` is 0 before the first epoch ends: that is no record.
    assert names(compare([tmp_path], "seconds"))[0] == "c"


def test_the_common_objective_is_the_default_metric(tmp_path):
    for name, loss in (("a", 0.5), ("b", 0.25)):
        objective = {"name": "val_loss", "value": loss, "epoch": 1}
        make_run(tmp_path / name, metrics={"val": {"loss": loss, "accuracy": loss}}, objective=objective)
    found = compare([tmp_path])
    assert (found.by, names(found)) == ("val_loss", ["b", "a"])
    assert names(compare([tmp_path], "val_accuracy")) == ["a", "b"]


def test_different_objectives_are_said(tmp_path):
    make_run(tmp_path / "a", 0.25)
    make_run(tmp_path / "b", 0.5, objective={"name": "val_loss", "value": 0.5, "epoch": 1})
    found = compare([tmp_path])
    assert (found.by, names(found)) == ("val_accuracy", ["b", "a"])
    assert found.remarks == ("objectives differ (val_accuracy, val_loss): ranked by val_accuracy; choose with --by",)
    assert compare([tmp_path], "val_loss").remarks == ()


def test_a_killed_run_that_is_not_selected_is_not_to_be_continued(tmp_path):
    make_run(tmp_path / "ended", 0.5)
    (make_run(tmp_path / "killed run", None, status="running") / ".lock").touch()
    said = f"killed run was killed. To continue it: python -m catsdogs_exp resume '{tmp_path / 'killed run'}'"
    assert compare([tmp_path]).remarks == (said,)
    assert compare([tmp_path], None, ["status=ok"]).remarks == ("--where selects 1 of 2 runs",)


def test_a_metric_that_no_run_has_is_said(tmp_path):
    make_run(tmp_path / "b")
    make_run(tmp_path / "a")
    found = compare([tmp_path], "test_accuracy")
    assert names(found) == ["a", "b"]
    assert found.remarks == ("no run has test_accuracy",)


def test_null_and_nonsense_are_no_numbers(tmp_path):
    values = {"loss": None, "accuracy": "0.9"}
    make_run(tmp_path / "a", metrics={"val": values, "train": [1]}, images_per_second=True, seconds=float("inf"))
    assert compare([tmp_path]).runs[0].metrics == {}


# which keys


def test_only_what_differs_and_no_copies_of_flat_keys(tmp_path):
    make_run(tmp_path / "a", config=settings(lr=0.1, batch_size=10, depth=2, target_size=[64, 64]))
    make_run(tmp_path / "b", config=settings())
    assert compare([tmp_path]).keys == ("lr", "batch_size", "target_size", "depth")


def test_a_copy_that_says_something_else_is_shown(tmp_path):
    changed = settings()
    changed["optimizer"]["learning_rate"] = 0.5
    make_run(tmp_path / "a", config=changed)
    make_run(tmp_path / "b", config=settings())
    assert compare([tmp_path]).keys == ("optimizer.learning_rate",)


def test_other_keys_that_vary_alike_stay(tmp_path):
    for seed in (0, 1):
        config = settings(seed=seed)
        config["dataset"]["seed"] = seed
        make_run(tmp_path / str(seed), config=config)
    assert compare([tmp_path]).keys == ("seed", "dataset.seed")


def test_the_experiment_only_when_it_differs_and_output_dir_never(tmp_path):
    make_run(tmp_path / "a", config=settings(output_dir="x", experiment="course"))
    make_run(tmp_path / "b", config=settings(output_dir="x"))
    assert compare([tmp_path]).keys == ("experiment",)
    make_run(tmp_path / "c", config=settings(output_dir="y"))
    assert compare([tmp_path]).keys == ("experiment",)


def test_a_key_that_a_run_lacks(tmp_path):
    changed = settings()
    changed["optimizer"] = {"name": "sgd", "learning_rate": 0.001, "momentum": 0.9}
    make_run(tmp_path / "a", 0.9, config=changed)
    make_run(tmp_path / "b", 0.1)
    found = compare([tmp_path])
    assert found.keys == ("optimizer.name", "optimizer.momentum", "optimizer.rho")
    assert [run.setting("optimizer.momentum") for run in found.runs] == [0.9, MISSING]
    assert [run.setting("experiment") for run in found.runs] == [None, None]


def test_depth_means_nothing_to_a_transfer_network(tmp_path):
    for depth in (3, 4):
        make_run(tmp_path / f"cnn{depth}", config=settings(depth=depth))
        transfer = settings(depth=depth)
        transfer["model"] = {"name": "transfer", "backbone": "Xception"}
        make_run(tmp_path / f"transfer{depth}", config=transfer)
    found = compare([tmp_path])
    assert found.keys == ("depth", "model.name")  # all networks with a backbone have the same one
    assert [run.setting("depth") for run in found.runs] == [3, 4, MISSING, MISSING]
    assert compare([tmp_path / "transfer3", tmp_path / "transfer4"]).keys == ()


def test_settings_that_only_matter_with_others(tmp_path):
    for fold, folds in ((0, None), (1, None), (1, 5)):
        config = settings()
        config["split"] = {"folds": folds, "fold": fold, "validation": 0.1 * (fold + 1)}
        config["training"] = {"finetune": {"epochs": 0, "lr": fold}}
        make_run(tmp_path / f"{fold}-{folds}", config=config)
    found = compare([tmp_path / "0-None", tmp_path / "1-None"])
    assert found.keys == ("split.validation",)
    found = compare([tmp_path / "1-None", tmp_path / "1-5"])
    assert found.keys == ("split.folds", "split.fold", "split.validation")


def test_a_run_says_why_it_is_as_it_is_and_how_to_go_on(tmp_path):
    make_run(tmp_path / "failed", None, status="failed", error="RunFailed: NaN")
    make_run(tmp_path / "stopped", stopped="val_loss has not improved for 5 epochs")
    make_run(tmp_path / "interrupted", status="interrupted", error="interrupted")
    killed = make_run(tmp_path / "killed run", status="running")
    (killed / ".lock").write_text("")
    reasons = {run.name: (run.status, run.reason) for run in compare([tmp_path]).runs}
    assert reasons == {
        "failed": ("failed", "RunFailed: NaN"),
        "stopped": ("ok", "val_loss has not improved for 5 epochs"),
        "interrupted": ("interrupted", f"resume {tmp_path / 'interrupted'}"),
        "killed run": ("killed", f"resume '{killed}'"),
    }


def test_settings_are_read_alike_in_parts_and_as_a_whole(tmp_path):
    """Configs are parsed part by part, which YAML of other hands may not allow."""
    texts = (
        "lr: 0.1\nsize:\n- 1\n- 2\nmodel:\n  name: cnn\n\n  dense: [1, 2]\n",
        "{lr: 0.1,\nsize: [1,\n2], model: {name: cnn, dense: [1, 2]}}",
        "# a comment\nlr: &rate 0.1\nsize: [1,\n 2]\nmodel: {name: cnn, dense: [1, 2]}\n",
        "lr: 0.1\n\nsize: [1,\n2\n]\nmodel:\n  {name: cnn,\n  dense: [1, 2]}",
    )
    for number, text in enumerate(texts):
        (make_run(tmp_path / str(number)) / "config.yaml").write_text(text)
    found = compare([tmp_path])
    assert found.remarks == ()
    for run in found.runs:
        assert run.config == {"lr": 0.1, "size": [1, 2], "model.name": "cnn", "model.dense": [1, 2]}


def test_what_a_recipe_settles_is_alike_in_all_its_runs(tmp_path):
    for seed in (0, 1):
        make_run(tmp_path / f"a{seed}", config=settings(experiment="a", lr=0.1, depth=2, seed=seed))
        make_run(tmp_path / f"b{seed}", config=settings(experiment="b", lr=0.2, depth=3 + seed, seed=seed))
        make_run(tmp_path / f"none{seed}", config=settings(lr=0.2, seed=seed))
    found = compare([tmp_path])
    assert found.keys == ("lr", "depth", "seed", "experiment")
    assert settled_by_recipe(found) == ("lr",)


def test_an_experiment_that_is_no_name_settles_as_well(tmp_path):
    make_run(tmp_path / "a", config=settings(experiment=["a", "b"], lr=0.1))
    make_run(tmp_path / "b", config=settings(experiment="b", lr=0.2))
    assert settled_by_recipe(compare([tmp_path])) == ("lr",)


def test_one_recipe_settles_nothing(tmp_path):
    make_run(tmp_path / "a", config=settings(experiment="a", lr=0.1))
    make_run(tmp_path / "b", config=settings(experiment="a", lr=0.2))
    assert settled_by_recipe(compare([tmp_path])) == ()


def test_one_run_differs_in_nothing(tmp_path):
    make_run(tmp_path / "a")
    assert compare([tmp_path]).keys == ()


# where runs are looked for


def test_any_depth_hidden_folders_left_out(tmp_path):
    for folder in ("drawn/1", "drawn/sweep/0-lr=1", "course/a/b/c/2", ".trash/3"):
        make_run(tmp_path / folder)
    found = compare([tmp_path])
    assert sorted(names(found)) == ["course/a/b/c/2", "drawn/1", "drawn/sweep/0-lr=1"]


def test_a_run_folder_itself_and_nothing_inside_it(tmp_path):
    run = make_run(tmp_path / "run")
    make_run(run / "checkpoints" / "inner")
    found = compare([run])
    assert (names(found), found.root) == (["run"], tmp_path)


def test_names_are_relative_to_the_common_root(tmp_path, monkeypatch):
    make_run(tmp_path / "outputs" / "drawn" / "a")
    make_run(tmp_path / "outputs" / "drawn" / "sweep" / "b")
    monkeypatch.chdir(tmp_path)
    found = compare(["outputs"])
    assert found.root == tmp_path / "outputs" / "drawn"
    assert names(found) == ["a", "sweep/b"]
    assert found.runs[1].folder == tmp_path / "outputs" / "drawn" / "sweep" / "b"


def test_a_run_found_twice_counts_once(tmp_path, monkeypatch):
    run = make_run(tmp_path / "runs" / "b")
    (tmp_path / "runs" / "a-link").symlink_to(run)
    (tmp_path / "runs" / "circle").symlink_to(tmp_path)
    assert names(compare([tmp_path / "runs"])) == ["b"]
    assert names(compare([tmp_path / "runs", run, tmp_path])) == ["b"]
    monkeypatch.chdir(run)
    assert names(compare([".", "..", "../../runs/b"])) == ["b"]


def test_links_to_runs_elsewhere_are_followed(tmp_path):
    run = make_run(tmp_path / "elsewhere" / "run")
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    (chosen / "best").symlink_to(run)
    assert names(compare([chosen])) == ["best"]


def test_a_folder_deleted_meanwhile_is_passed_over(tmp_path, monkeypatch):
    make_run(tmp_path / "a" / "run")
    make_run(tmp_path / "b" / "run")
    walk = os.walk

    def slow(start, **more):
        for folder, inner, files in walk(start, **more):
            if Path(folder).name == "a":
                (tmp_path / "a").rename(tmp_path.parent / "elsewhere")
            yield folder, inner, files

    monkeypatch.setattr(os, "walk", slow)
    assert names(compare([tmp_path])) == ["run"]


def test_no_runs_says_what_was_looked_for(tmp_path):
    with pytest.raises(BadInput) as caught:
        compare([tmp_path])
    assert str(caught.value) == (
        f"No runs in {tmp_path}: looked for folders with a result.json. "
        "Train one with python -m catsdogs_exp, or name another folder."
    )


@pytest.mark.parametrize(("name", "received"), [("missing", "it does not exist"), ("file", "a file")])
def test_a_path_that_is_no_folder(tmp_path, name, received):
    (tmp_path / "file").write_text("")
    path = tmp_path / name
    with pytest.raises(BadInput) as caught:
        compare([path])
    assert str(caught.value) == (
        f"PATH must be a run folder or a folder that contains runs. Received: {path} ({received}). "
        "Train a run with python -m catsdogs_exp, or name another folder."
    )


def test_unknown_metric():
    with pytest.raises(BadInput) as caught:
        compare(["nowhere"], "val_acuracy")
    assert str(caught.value).startswith("--by must be one of val_accuracy, val_loss, accuracy, loss,")
    assert "Received: --by val_acuracy. Did you mean val_accuracy" in str(caught.value)


# damage


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "result.json cannot be read (Expecting value"),
        ('{"status": "ok", "metr', "result.json cannot be read (Unterminated string"),
        ("[1]", "result.json does not belong to a run (it has no status)"),
        ('{"status": 3}', "result.json does not belong to a run (it has no status)"),
    ],
)
def test_a_damaged_result_is_named_and_the_others_go_on(tmp_path, text, reason):
    make_run(tmp_path / "bad")
    (tmp_path / "bad" / "result.json").write_text(text)
    make_run(tmp_path / "good")
    found = compare([tmp_path])
    assert names(found) == ["good"]
    (remark,) = found.remarks
    assert remark.startswith(f"skipped bad: {reason}")


def test_only_damaged_runs(tmp_path):
    for name in ("a", "b"):
        make_run(tmp_path / name)
        (tmp_path / name / "result.json").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput) as caught:
        compare([tmp_path])
    assert str(caught.value).startswith(f"No readable runs in {tmp_path}: skipped a: result.json cannot be read")
    assert str(caught.value).endswith("(and 1 more).")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [1", "cannot be read ("),
        ("- 1", "contains no settings"),
        ("", "contains no settings"),
        ("!!python/object/apply:os.getcwd []", "cannot be read (could not determine a constructor"),
        (None, "cannot be read (No such file or directory)"),
    ],
)
def test_a_run_without_settings_stays_and_makes_no_key_differ(tmp_path, text, reason):
    make_run(tmp_path / "bad", 0.9)
    if text is None:
        (tmp_path / "bad" / "config.yaml").unlink()
    else:
        (tmp_path / "bad" / "config.yaml").write_text(text)
    make_run(tmp_path / "good", 0.5)
    found = compare([tmp_path])
    assert names(found) == ["bad", "good"]
    assert found.keys == ()
    assert found.runs[0].setting("lr") is MISSING
    (remark,) = found.remarks
    assert remark.startswith(f"settings of bad are unknown: config.yaml {reason}")


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    make_run(tmp_path / "good")
    closed = tmp_path / "closed"
    closed.mkdir()
    scandir = os.scandir

    def refuse(path):  # root, who runs tests in containers, may read everything
        if str(path) == str(closed):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = compare([tmp_path])
    assert names(found) == ["good"]
    assert found.remarks == (f"cannot read {closed}",)


# the last epochs


def last_epochs(folder):
    metrics = compare([folder]).runs[0].metrics
    return metrics.get("last"), metrics.get("last10")


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        ([0.25, 0.75], (0.75, 0.5)),
        ([0.0] * 5 + [0.5] * 9 + [1.0], (1.0, 0.55)),
        ([0.5, ""], (None, None)),
        ([0.5, "nan", 0.75], (0.75, None)),
        ([], (None, None)),
    ],
)
def test_last_and_last10(tmp_path, epochs, expected):
    make_run(tmp_path / "a", epochs=epochs)
    assert last_epochs(tmp_path) == pytest.approx(expected)


def test_no_metrics_file(tmp_path):
    make_run(tmp_path / "a")
    found = compare([tmp_path])
    assert last_epochs(tmp_path) == (None, None)
    assert found.remarks == ()


def test_a_line_that_is_being_written_does_not_count(tmp_path):
    run = make_run(tmp_path / "a", epochs=[0.25, 0.5])
    with (run / "metrics.csv").open("a") as handle:
        handle.write("3,1.0,0.5,0.7,0.9")
    assert last_epochs(tmp_path) == (0.5, 0.375)


def test_an_epoch_trained_again_counts_once(tmp_path):
    run = make_run(tmp_path / "a", epochs=[0.25, 0.5])
    with (run / "metrics.csv").open("a") as handle:
        handle.write("2,1.0,0.5,0.7,0.75,0.001,1.0,100.0\n")
    assert last_epochs(tmp_path) == (0.75, 0.5)


def test_a_damaged_metrics_file_is_named(tmp_path):
    run = make_run(tmp_path / "a")
    (run / "metrics.csv").write_bytes(b"\xff\xfe\n")
    found = compare([tmp_path])
    assert names(found) == ["a"]
    assert found.remarks[0].startswith("last epochs of a are unknown: metrics.csv cannot be read ('utf-8' codec")


# groups


def seeds(folder: Path):
    for lr, values in ((0.1, (0.5, 0.75)), (0.01, (0.875, 0.625, 0.75))):
        for seed, value in enumerate(values):
            make_run(folder / f"{lr}-{seed}", value, config=settings(lr=lr, seed=seed))


@pytest.mark.parametrize("names", [["lr"], ["~seed"]])
def test_groups_over_seeds(tmp_path, names):
    seeds(tmp_path)
    grouping = group_runs(compare([tmp_path]), names)
    assert grouping.keys == ("lr",)
    assert grouping.remarks == ()
    first, second = grouping.groups
    assert (first.values, first.n, first.mean.mean, first.low, first.high) == ((0.01,), 3, 0.75, 0.625, 0.875)
    assert first.mean.deviation == pytest.approx(0.125)
    assert first.runs == ("0.01-0", "0.01-2", "0.01-1")
    assert (second.values, second.n, second.mean.mean, second.low, second.high) == ((0.1,), 2, 0.625, 0.5, 0.75)
    assert second.mean.deviation == pytest.approx(0.25 / 2**0.5)


@pytest.mark.parametrize("metric", ["crop_sensitivity", "val_accuracy", "last10"])
def test_the_interval_of_a_fraction_stays_within_0_and_1(tmp_path, metric):
    for seed, value in enumerate((1.0, 0.5)):
        make_run(
            tmp_path / f"{seed}", value, config=settings(seed=seed), crop_sensitivity={"share": value}, epochs=[value]
        )
    (group,) = group_runs(compare([tmp_path], metric), ["~seed"]).groups
    assert group.mean.interval == (0, 1)


def of_data(folder, name, value, data, **changes):
    config = settings(**changes)
    config["dataset"] |= {"name": "folder", "path": name}
    counts = {"validation": {"cats": 30, "dogs": 30}}
    return make_run(folder, value, config=config, data_hash=data, counts=counts)


def test_groups_of_different_data_are_not_tested(tmp_path):
    for seed in (0, 1):
        of_data(tmp_path / f"a{seed}", "a", 0.9 + seed / 100, "one", lr=0.1, seed=seed)
        of_data(tmp_path / f"b{seed}", "b", 0.5 + seed / 100, "two", lr=0.01, seed=seed)
    grouping = group_runs(compare([tmp_path]), ["lr"])
    assert [group.p_value for group in grouping.groups] == [None, None]
    assert grouping.remarks == (
        "the runs were evaluated on different images, a (60), b (60): their means are not comparable and were not "
        "tested. Select the runs of one data set with --where",
    )


@pytest.mark.parametrize("data", [["one"] * 4, ["one", "two", "one", "two"]])
def test_groups_of_the_same_data_are_tested_whatever_the_seed(tmp_path, data):
    for number, digest in enumerate(data):
        seed, lr = number % 2, 0.1 if number < 2 else 0.01
        of_data(tmp_path / str(number), "a", 0.5 + seed / 100 + lr, digest, lr=lr, seed=seed)
    grouping = group_runs(compare([tmp_path]), ["lr"])
    assert grouping.remarks == () and grouping.groups[1].p_value is not None


def test_shares_of_the_same_data_are_tested(tmp_path):
    for number, digest in enumerate(["one", "two", "three", "four"]):
        seed, share = number % 2, 0.5 if number < 2 else 1.0
        folder = of_data(tmp_path / str(number), "a", 0.5 + seed / 100 + share / 4, digest, seed=seed)
        config = yaml.safe_load((folder / "config.yaml").read_text())
        config["dataset"]["fraction"] = share
        (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    grouping = group_runs(compare([tmp_path]), ["dataset.fraction"])
    assert grouping.remarks == () and grouping.groups[1].p_value is not None


def test_a_folder_that_changed_between_runs_makes_different_data(tmp_path):
    for number, digest in enumerate(["one", "one", "two", "two"]):
        seed, lr = number % 2, 0.1 if number < 2 else 0.01
        of_data(tmp_path / str(number), "a", 0.5 + seed / 100 + lr, digest, lr=lr, seed=seed)
    assert "evaluated on different images, a (60): " in group_runs(compare([tmp_path]), ["lr"]).remarks[0]


def test_groups_by_several_keys_and_ties_in_natural_order(tmp_path):
    for depth in (10, 9):
        for lr in (0.1, 0.01):
            make_run(tmp_path / f"{depth}-{lr}", config=settings(lr=lr, depth=depth))
    grouping = group_runs(compare([tmp_path]), ["depth", "lr", "depth"])
    assert grouping.keys == ("depth", "lr")
    assert [group.values for group in grouping.groups] == [(9, 0.01), (9, 0.1), (10, 0.01), (10, 0.1)]
    assert [(group.n, group.mean.deviation) for group in grouping.groups] == [(1, None)] * 4


def test_the_lowest_mean_loss_is_first(tmp_path):
    for lr, loss in ((0.1, 0.75), (0.01, 0.25)):
        make_run(tmp_path / str(lr), metrics={"val": {"loss": loss}}, config=settings(lr=lr))
    grouping = group_runs(compare([tmp_path], "val_loss"), ["lr"])
    assert [group.mean.mean for group in grouping.groups] == [0.25, 0.75]


def test_only_runs_that_ended_well_count(tmp_path):
    make_run(tmp_path / "a", 0.5, config=settings(lr=0.1))
    make_run(tmp_path / "b", 1.0, status="interrupted", config=settings(lr=0.1))
    make_run(tmp_path / "c", None, status="failed", config=settings(lr=0.2))
    make_run(tmp_path / "d", None, status="failed", config=settings(lr=0.2))
    grouping = group_runs(compare([tmp_path]), ["lr"])
    assert [(group.values, group.n, group.mean and group.mean.mean) for group in grouping.groups] == [
        ((0.1,), 1, 0.5),
        ((0.2,), 0, None),
    ]
    assert grouping.groups[1].low is grouping.groups[1].high is grouping.groups[1].mean is None
    assert grouping.remarks == ("only completed runs count; left out: 2 failed, 1 interrupted",)


def test_a_group_of_settings_means_its_choice(tmp_path):
    make_run(tmp_path / "a")
    grouping = group_runs(compare([tmp_path]), ["optimizer", "target_size"])
    assert grouping.keys == ("optimizer.name", "target_size")
    assert grouping.groups[0].values == ("rmsprop", [150, 150])


def test_a_missing_key_is_a_value_of_its_own(tmp_path):
    config = settings()
    del config["optimizer"]["rho"]
    make_run(tmp_path / "a", 0.9, config=config)
    make_run(tmp_path / "b", 0.1)
    grouping = group_runs(compare([tmp_path]), ["optimizer.rho"])
    assert [group.values for group in grouping.groups] == [(MISSING,), (0.9,)]


def test_all_but_the_only_difference_is_one_group(tmp_path):
    for seed in range(3):
        make_run(tmp_path / str(seed), config=settings(seed=seed))
    grouping = group_runs(compare([tmp_path]), ["~seed"])
    assert grouping.keys == ()
    assert [(group.values, group.n) for group in grouping.groups] == [((), 3)]


def test_a_run_with_unknown_settings_is_in_no_group(tmp_path):
    make_run(tmp_path / "a")
    run = make_run(tmp_path / "b")
    (run / "config.yaml").unlink()
    grouping = group_runs(compare([tmp_path]), ["lr"])
    assert [group.runs for group in grouping.groups] == [("a",)]
    assert grouping.remarks == ("b is not in any group: its settings are unknown",)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            ["sed"],
            "--group-by must name settings of the runs. Received: --group-by sed. Did you mean seed? "
            "Keys that differ: lr, seed.",
        ),
        (
            ["~optimizer.roh"],
            "--group-by must name settings of the runs. Received: --group-by ~optimizer.roh. "
            "Did you mean optimizer.rho",
        ),
        (
            [""],
            "--group-by must name one or more settings, with commas. Received: nothing. Keys that differ: lr, seed.",
        ),
        (
            ["lr", "~seed"],
            "--group-by takes keys to group by, or keys to leave out (~KEY), not both. "
            "Received: --group-by lr,~seed. Keys that differ: lr, seed.",
        ),
    ],
)
def test_keys_that_cannot_be_grouped_by(tmp_path, keys, message):
    seeds(tmp_path)
    with pytest.raises(BadInput) as caught:
        group_runs(compare([tmp_path]), keys)
    assert str(caught.value).startswith(message)


def test_the_hidden_copies_are_those_that_conf_makes() -> None:
    from catsdogs_exp.config.search_path import CONF

    wired = {}
    for path in CONF.glob("*/*.yaml"):
        for key, value in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
            if isinstance(value, str) and value.startswith("${"):
                wired[f"{path.parent.name}.{key}"] = value.removeprefix("${").removesuffix("}")
    assert wired == WIRED


def test_a_run_is_not_told_apart_by_what_means_nothing_in_it(tmp_path):
    make_run(tmp_path / "cnn", 0.6, config=settings(depth=4))
    make_run(tmp_path / "transfer", 0.9, config=settings() | {"model": {"name": "transfer"}})
    found = compare([tmp_path])
    assert "depth" in found.keys
    transfer, cnn = found.runs
    assert told_apart(cnn, found, 9) == ("depth=4", "model.name=cnn")
    assert told_apart(transfer, found, 9) == ("model.name=transfer",)


def test_settings_that_tell_runs_apart_are_written_as_typed(tmp_path):
    make_run(tmp_path / "a", 0.6, config=settings(target_size=[64, 64], dataset={"name": "folder", "classes": None}))
    make_run(tmp_path / "b", 0.9, config=settings(target_size=[96, 64], dataset={"name": "folder", "classes": True}))
    found = compare([tmp_path])
    first, second = (told_apart(run, found, 9) for run in found.runs)
    assert "target_size=[96,64]" in first and "dataset.classes=true" in first
    assert "target_size=[64,64]" in second and "dataset.classes=null" in second


def test_an_exact_repeat_is_no_other_seed(tmp_path):
    for name, seed, value, seconds in (
        ("a", 0, 0.7, 1.5),
        ("again", 0, 0.7, 1.6),
        ("b", 1, 0.6, 1.5),
        ("c", 0, 0.71, 1),
    ):
        make_run(tmp_path / name, value, config=settings(seed=seed), seconds=seconds)
    grouping = group_runs(compare([tmp_path]), ["~seed"])
    (group,) = grouping.groups
    assert (len(group.runs), group.n) == (4, 3)  # c has the settings of a, but was trained to another result
    assert group.mean.mean == pytest.approx((0.7 + 0.6 + 0.71) / 3)
    assert grouping.remarks == ("1 run repeats another one exactly and is not counted again",)
