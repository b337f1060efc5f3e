"""The Python interface: the same settings, folders and messages as on the command line."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import catsdogs_exp as ce
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.errors import BadInput, RunFailed
from catsdogs_exp.notebook import opened_run, tables
from catsdogs_exp.notebook.typed_words import words_of
from catsdogs_exp.platforms import expanded

PAGE = Path(__file__).parents[2] / "docs" / "notebook.md"


def rows_of(table: Any) -> list[dict[str, Any]]:
    return table if isinstance(table, list) else table.to_dict("records")


@pytest.fixture(params=[True, False], ids=["pandas", "no pandas"])
def pandas_or_not(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    if request.param:
        pytest.importorskip("pandas")
    else:
        monkeypatch.setitem(sys.modules, "pandas", None)
    return request.param


def test_importing_it_imports_little() -> None:
    code = "import sys, catsdogs_exp as ce; dir(ce); print(sorted({'tensorflow', 'hydra', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
    assert {"train", "train_sweep", "open_run", "open_runs", "compare"} <= set(dir(ce))
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        ce.trian  # noqa: B018


@pytest.mark.slow
def test_the_page_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo_folder: Callable[..., Path]
) -> None:
    """All of its code, top to bottom."""
    monkeypatch.chdir(tmp_path)
    photo_folder({"cats": 1, "dogs": 1})
    said: dict[str, Any] = {}
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S))
    exec(code.replace("400", "60").replace("target_size=64", "target_size=32"), said)
    assert said["run"].result["status"] == "ok"
    assert len(said["runs"]) == 3
    assert (said["run"].folder / "atlas" / "atlas.html").is_file()


def test_a_run_as_data(trained: Path, pandas_or_not: bool) -> None:
    run = ce.open_run(trained)
    assert isinstance(run.history, list) is not pandas_or_not
    history = rows_of(run.history)
    assert [row["epoch"] for row in history] == [1, 2, 3]
    best = run.result["objective"]
    assert history[best["epoch"] - 1]["val_accuracy"] == pytest.approx(best["value"])
    assert (run.config["optimizer"]["name"], run.config["depth"]) == ("rmsprop", 2)
    assert repr(run) == f"<run {trained.name}: ok, val_accuracy {best['value']:.4f}>"
    html = run._repr_html_()
    assert trained.name in html and "Wilson interval" in html and html.count("<svg") == 3 and "<script" not in html


def test_predictions_are_those_of_the_command(
    trained: Path, photo_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str], pandas_or_not: bool
) -> None:
    import json

    from catsdogs_exp.__main__ import main

    folder = photo_folder({"cats": 2})
    (folder / "cats" / "broken.jpg").write_bytes(b"no image")
    found = {Path(row["path"]).name: row for row in rows_of(ce.open_run(trained).predict(folder))}
    main(["predict", str(trained), str(folder), "--json"])
    said = {Path(row["path"]).name: row for row in json.loads(capsys.readouterr().out)}
    for name in ("cat.0.jpg", "cat.1.jpg"):
        assert (found[name]["class"], found[name]["probability"]) == (said[name]["class"], said[name]["probability"])
        assert found[name]["p_cats"] + found[name]["p_dogs"] == pytest.approx(1)
    assert found["broken.jpg"]["error"] == "not an image"
    with pytest.raises(BadInput, match=r"predict needs an image"):
        ce.open_run(trained).predict([])


def test_activations_are_a_picture(trained: Path, photo_folder: Callable[..., Path]) -> None:
    folder = photo_folder({"cats": 1})
    run = ce.open_run(trained)
    whole, one = (
        run.activations(folder / "cats" / "cat.0.jpg"),
        run.activations(folder / "cats" / "cat.0.jpg", "block1_conv"),
    )
    assert isinstance(whole, Image.Image) and one.height < whole.height
    assert np.asarray(whole).std() > 10
    assert np.asarray(run.crops(folder / "cats" / "cat.0.jpg")).std() > 10
    (folder / "cats" / "cat.0.jpg").write_bytes(b"no image")
    for picture_of in (run.activations, run.crops):
        with pytest.raises(BadInput, match=r"cat\.0\.jpg: not an image"):
            picture_of(folder / "cats" / "cat.0.jpg")


def test_mistakes_are_one_line(tmp_path: Path, trained: Path) -> None:
    with pytest.raises(BadInput, match=r"lr must be > 0. Received: lr=-1"):
        ce.train(lr=-1)
    with pytest.raises(BadInput, match=r"Unknown setting: epoch\. Type: epochs=3"):
        ce.train(epoch=3)
    with pytest.raises(BadInput, match=r"A setting must be a text such as 'lr=0.001'.* Received: 'drawn'"):
        ce.train("drawn")
    with pytest.raises(BadInput, match=r"RUN must be a run folder\. There is none at"):
        ce.open_run(tmp_path / "none")
    with pytest.raises(BadInput, match="No runs in"):
        ce.open_runs(tmp_path)
    with pytest.raises(BadInput, match=r"compare needs two runs or more\. Received: 1"):
        ce.compare(trained)


def test_a_run_stays_open_when_the_notebook_changes_its_folder(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained.parent)
    run = ce.open_run(trained.name)
    (one,) = ce.open_runs(trained.name)
    monkeypatch.chdir(tmp_path)
    assert run.result == one.result and run.result["status"] == "ok"
    assert run.folder == trained.absolute()


def test_home_is_the_same_for_every_picture(trained: Path, save_photo: Any, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    save_photo(tmp_path / "photo.jpg")
    run = ce.open_run(trained)
    assert rows_of(run.predict("~/photo.jpg"))[0]["error"] is None
    assert run.crops("~/photo.jpg").size[0] > 0 < run.activations("~/photo.jpg").size[0]


def test_runs_are_given_one_by_one_or_as_a_list(trained: Path, tmp_path: Path) -> None:
    copies = [shutil.copytree(trained, tmp_path / name) for name in ("a", "b", "c")]
    runs = ce.open_runs(copies)
    assert len(runs) == 3 and [run.folder for run in runs[:2]] == [runs[0].folder, runs[1].folder]
    assert runs[-1].folder == runs[2].folder
    assert len(ce.compare(runs[:2])) == 2 and len(ce.compare(runs)) == 3
    assert len(ce.compare([copies[0], ce.open_run(copies[1])])) == 2
    with pytest.raises(BadInput, match=r"compare needs two runs or more. Received: 1"):
        ce.compare(copies[:1])


@pytest.mark.parametrize("name", ["", " ", "a\0b"])
def test_what_names_no_image(trained: Path, name: str) -> None:
    with pytest.raises(BadInput, match=r"predict needs the names of images. Received: "):
        ce.open_run(trained).predict([name])


def test_no_run_is_named(monkeypatch: pytest.MonkeyPatch, trained: Path) -> None:
    monkeypatch.chdir(trained)  # an empty text is not this folder
    with pytest.raises(BadInput, match=r"open_run needs a run folder. Received: ''"):
        ce.open_run("")


def test_a_failed_run_raises_and_keeps_its_folder(tmp_path: Path, tiny: tuple[str, ...]) -> None:
    with pytest.raises(RunFailed, match=r"NaN|inf"):
        ce.train(*tiny, "logging=minimal", "optimizer=sgd", lr=1e38, output_dir=tmp_path, silent=True)
    (run,) = ce.open_runs(tmp_path)
    assert run.result["status"] == "failed"
    assert "failed" in run._repr_html_()
    assert rows_of(run.history) == [] or run.history is not None


def test_a_killed_run_says_so(trained: Path, tmp_path: Path) -> None:
    import json
    import shutil

    folder = Path(shutil.copytree(trained, tmp_path / "run"))
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    (folder / "result.json").write_text(json.dumps(result | {"status": "running"}), encoding="utf-8")
    run = ce.open_run(folder)
    assert repr(run).startswith("<run run: killed, ")
    assert "<strong>killed</strong>" in run._repr_html_()


def test_names_are_text_in_what_a_notebook_shows(trained: Path, tmp_path: Path) -> None:
    import shutil

    name = "<script>alert(1)<&script>"
    shutil.copytree(trained, tmp_path / name)
    html = ce.open_run(tmp_path / name)._repr_html_() + ce.open_runs(tmp_path)._repr_html_()
    assert "<script>" not in html and html.count("&lt;script&gt;alert(1)&lt;&amp;script&gt;") == 2


@settings(max_examples=20)
@given(text=st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20))
def test_texts_arrive_as_they_are(text: str) -> None:
    if text.strip() == "???":  # OmegaConf's mark for a missing value
        return
    words = words_of(["dataset=folder"], {"dataset.path": text})
    assert config_of(words).dataset.path == str(expanded(text)) or config_of(words).dataset.path == text


def test_values_of_each_type() -> None:
    values = {"lr": 0.001, "target_size": [120, 160], "model.batch_norm": True, "dataset.classes": None}
    assert words_of([], values) == [
        "lr=0.001",
        "target_size=[120,160]",
        "model.batch_norm=true",
        "dataset.classes=null",
    ]
    assert words_of([], {"lr": [0.1, 0.01], "seed": range(2)}, several=True) == ["lr=0.1,0.01", "seed=0,1"]
    assert config_of(words_of([], {"target_size": (120, 160)})).target_size == (120, 160)


def test_numbers_are_numbers_and_other_texts_stay() -> None:
    assert [opened_run._number(text) for text in ("3", "0.5", "", None, "cats", "1e-3")] == [
        *(3, 0.5, None, None, "cats", 0.001)
    ]
    assert rows_of(tables.table([{"a": 1}])) == [{"a": 1}]


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_script_without_a_guard_neither_hangs_nor_trains_twice(tmp_path: Path, cache: Path) -> None:
    """Drawing images starts processes, and each of them imports the script again."""
    script = tmp_path / "script.py"
    words = "'dataset.images=400', 'target_size=16', 'depth=2', 'epochs=1', 'logging=minimal', output_dir='runs'"
    script.write_text(f"import catsdogs_exp as ce\nce.train({words})\n", encoding="utf-8")
    command = [sys.executable, str(script)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path, timeout=150)
    assert ended.returncode == 0, ended.stderr
    assert "calls catsdogs_exp.train without `if __name__ == '__main__':`" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(list(tmp_path.glob("runs/*/*/result.json"))) == 1
