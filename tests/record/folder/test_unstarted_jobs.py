"""Jobs of a sweep that have no run folder are named, not passed over."""

import json

from catsdogs_exp.record.folder.unstarted_jobs import jobs_elsewhere

ERROR = "depth=9 does not fit 32x32 images"


def write_sweep(folder, *jobs):
    rows = [
        {"number": n, "overrides": [f"depth={n}"], "status": status, "folder": None, "error": error, "same_as": same}
        for n, (status, error, same) in enumerate(jobs)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sweep.json").write_text(json.dumps({"jobs": rows}), encoding="utf-8")


def test_each_kind_is_named_with_the_next_step(tmp_path):
    sweep = tmp_path / "my sweep"
    write_sweep(sweep, ("failed", ERROR, None), ("skipped", "no", None), ("pending", None, None), ("ok", None, 0))
    assert list(jobs_elsewhere(sweep).unstarted) == [
        f"job 0 (depth=0) of my sweep failed before its run began: {ERROR}",
        "1 job of my sweep left out as impossible: sweep.json",
        f"1 job of my sweep not started: python -m catsdogs_exp resume '{sweep}'",
    ]


def test_many_failures_are_counted(tmp_path):
    write_sweep(tmp_path, *[("failed", ERROR, None)] * 8)
    lines = list(jobs_elsewhere(tmp_path).unstarted)
    assert len(lines) == 6
    assert lines[-1] == f"3 more jobs of {tmp_path.name} failed before their runs began: sweep.json"


def test_a_damaged_file_says_nothing(tmp_path):
    for text in ("", "[]", '{"jobs": 3}', '{"jobs": [3]}', '{"jobs": [{"folder": null}]}', "\x00"):
        (tmp_path / "sweep.json").write_text(text, encoding="utf-8")
        assert list(jobs_elsewhere(tmp_path).unstarted) == []
