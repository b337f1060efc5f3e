"""Folders that cannot collide and are never overwritten."""

import datetime
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from catsdogs_exp.errors import BadInput
from catsdogs_exp.record.folder import run_folder
from catsdogs_exp.record.folder.run_folder import job_name, new_job_folder, new_run_folder


def test_the_name_says_when(tmp_path):
    before = datetime.datetime.now().replace(microsecond=0)
    folder = new_run_folder(str(tmp_path / "outputs"), "drawn")
    assert folder.is_dir()
    assert folder.parent == tmp_path / "outputs" / "drawn"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d-[a-z]{4}", folder.name)
    moment = datetime.datetime.strptime(folder.name[:-5], "%Y-%m-%d_%H-%M-%S")
    assert before <= moment <= datetime.datetime.now()


def test_many_at_once_get_a_folder_each(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: new_run_folder(str(tmp_path), "drawn"), range(64)))
    assert len(set(folders)) == 64
    assert sorted(folder.name for folder in (tmp_path / "drawn").iterdir()) == sorted(f.name for f in folders)


@pytest.fixture
def same_moment(monkeypatch):
    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 1, 31, 12, 0, 0, tzinfo=tz)

    monkeypatch.setattr(run_folder.datetime, "datetime", Clock)


def test_a_name_that_is_taken_is_not_used_again(tmp_path, monkeypatch, same_moment):
    letters = iter("aaaa" + "aaaa" + "aaaa" + "bbbb")
    monkeypatch.setattr(run_folder.secrets, "choice", lambda _: next(letters))
    first = new_run_folder(str(tmp_path), "drawn")
    (first / "result.json").write_text("mine")
    second = new_run_folder(str(tmp_path), "drawn")
    assert (first.name, second.name) == ("2026-01-31_12-00-00-aaaa", "2026-01-31_12-00-00-bbbb")
    assert (first / "result.json").read_text() == "mine"
    assert list(second.iterdir()) == []


def test_no_free_name_is_said(tmp_path, monkeypatch, same_moment):
    monkeypatch.setattr(run_folder.secrets, "choice", lambda _: "a")
    new_run_folder(str(tmp_path), "drawn")
    with pytest.raises(BadInput) as caught:
        new_run_folder(str(tmp_path), "drawn")
    assert str(caught.value) == f"No free name for a run folder in {tmp_path / 'drawn'} after 100 tries."


def test_home_is_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert new_run_folder("~/runs", "drawn").parent == tmp_path / "runs" / "drawn"


@pytest.mark.parametrize("output_dir", ["file", "file/inside"])
def test_a_file_on_the_way(tmp_path, output_dir):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(BadInput) as caught:
        new_run_folder(str(tmp_path / output_dir), "drawn")
    assert str(caught.value).startswith(
        f"output_dir must be a folder. Received a path through a file: {tmp_path / output_dir / 'drawn'}"
    )
    assert str(caught.value).endswith("Choose another output_dir.")
    assert (tmp_path / "file").read_text() == "precious"


def test_a_file_in_place_of_the_name(tmp_path):
    (tmp_path / "drawn").write_text("precious")
    with pytest.raises(BadInput, match=r"^output_dir must be a folder\. Received a path through a file: .*drawn\."):
        new_run_folder(str(tmp_path), "drawn")


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    def refuse(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(run_folder.Path, "mkdir", refuse)
    with pytest.raises(BadInput) as caught:
        new_run_folder(str(tmp_path), "drawn")
    assert str(caught.value) == (
        f"output_dir cannot be written: Permission denied: {tmp_path / 'drawn'}. Choose another: output_dir=PATH"
    )


# jobs of a sweep


def test_a_jobs_folder(tmp_path):
    folder = new_job_folder(tmp_path / "sweep", 3, ["depth=2", "lr=0.01"])
    assert folder == tmp_path / "sweep" / "3-depth=2,lr=0.01"
    assert folder.is_dir()


def test_a_jobs_folder_is_never_used_twice(tmp_path):
    folder = new_job_folder(tmp_path, 0, ["lr=1"])
    (folder / "result.json").write_text("mine")
    with pytest.raises(BadInput) as caught:
        new_job_folder(tmp_path, 0, ["lr=1"])
    assert str(caught.value) == f"The folder of the sweep's job already exists: {folder}"
    assert (folder / "result.json").read_text() == "mine"


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (["lr=0.01"], "7-lr=0.01"),
        (["+new=1", "++more=2"], "7-new=1,more=2"),
        (["target_size=[120,160]"], "7-target_size=_120,160_"),
        (["dataset.path=/home/me/my photos"], "7-dataset.path=_home_me_my_photos"),
        (["dataset.path=../../etc"], "7-dataset.path=.._.._etc"),
        (["dataset.path=Kätzchen"], "7-dataset.path=K_tzchen"),
        (["a=b\nc", "d=$(rm)"], "7-a=b_c,d=_rm_"),
        (["lr=0.00012345678901234567", "depth=3"], "7-lr=0.0001235,depth=3"),
        (["lr=1.2345678901234567e-05"], "7-lr=1.235e-05"),
        (["dataset.path=v1.20260101/x"], "7-dataset.path=v1.20260101_x"),
        ([], "7"),
    ],
)
def test_job_names_are_safe(overrides, name):
    assert job_name(7, overrides) == name
    assert re.fullmatch(r"[A-Za-z0-9_.=,+-]+", name)


def test_long_job_names_are_cut_and_stay_apart():
    overrides = [f"dataset.path=/{'long/' * 100}"]
    first, second = (job_name(number, overrides) for number in (1, 2))
    assert len(first) == 120
    assert first != second


def test_long_job_names_do_not_end_in_a_dot():
    assert job_name(0, ["a=" + "x" * 100 + "." * 100]) == "0-a=" + "x" * 100
