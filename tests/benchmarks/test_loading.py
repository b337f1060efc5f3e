"""The arithmetic of the loader, sweep and memory benchmarks. Nothing is timed here."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import large_photos, loader, memory, ours, sweep, workers
from benchmarks.timing import Pair
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.data.images.decoding import decode
from catsdogs_exp.data.images.preparing import Preparation
from catsdogs_exp.data.open_data import gather


def test_the_loader_has_a_row_for_each_target() -> None:
    measured = {"files": [400.0], "making": [450.0], "augmented": [800.0], "cached": [4000.0]}
    theirs = {"course_files": [100.0], "keras_files": [400.0], "course_files_augmented": [101.0]}
    rows = loader.rows(measured | theirs)
    assert [(row.name, row.reached) for row in rows] == [
        *[("P4", "yes"), ("P4", "no"), ("P4", "yes"), ("P4", "yes"), ("P5", "no"), ("P6", "yes")],
    ]


def test_workers_have_a_row_with_jobs_per_minute() -> None:
    (row,) = workers.rows(Pair([0.3, 0.28, 0.32], [0.2, 0.2, 0.2]))
    assert (row.name, row.ours, row.theirs, row.reached) == ("P15", "18.0 jobs/min", "12.0 jobs/min", "yes")


def test_the_loader_measures_what_it_says(photo_folder, cache: Path) -> None:
    root = photo_folder({"train/cats": 30, "train/dogs": 30, "validation/cats": 2, "validation/dogs": 2})
    overrides = ("dataset=folder", f"dataset.path={root}", "target_size=20", "batch_size=20", "depth=1")
    config = config_of(overrides)
    manifest = gather(config)
    assert loader._pass_over(config, manifest, "none", 40) > 0
    assert not (cache / "decoded").exists()
    assert ours.build_cache(config, manifest) > 0
    assert not (cache / "decoded").exists()  # it was made elsewhere
    assert loader._pass_over(config, manifest, "disk", None) > 0
    assert len(list((cache / "decoded").glob("*/pixels.npy"))) == 1


def test_a_job_is_timed_from_end_to_end_less_its_epochs(tmp_path: Path) -> None:
    for job, (end, seconds) in enumerate([(1000.0, (9, 9, 9)), (1010.0, (5, 2, 3)), (1018.0, (3, 2, 2))]):
        folder = tmp_path / "sweep" / f"{job}-seed={job}"
        folder.mkdir(parents=True)
        lines = ["epoch,seconds,loss", *(f"{epoch},{s},0.5" for epoch, s in enumerate(seconds, 1))]
        (folder / "metrics.csv").write_text("\n".join(lines), encoding="utf-8")
        (folder / "result.json").touch()
        os.utime(folder / "result.json", (end, end))
    assert sweep.beyond_epochs(tmp_path) == pytest.approx([10 - 3 * 2.5, 8 - 3 * 2])
    (row, _) = sweep.rows({"default": [1.0, 2.0, 1.5], "minimal": [1.0]})
    assert (row.name, row.ours, row.reached) == ("P10", "1.50 s", "yes")


def test_memory_compares_few_with_many_images() -> None:
    mib = 2.0**20
    (row,) = memory.rows({"100": [100 * mib, 200 * mib, 100 * mib], "1000": [105 * mib, 210 * mib, 109 * mib]})
    assert (row.what, row.ours, row.theirs) == ("peak memory of a run, 1,000 / 100 images", "109 MiB", "100 MiB")
    assert (row.of_medians, row.of_rounds, row.reached) == ("1.090", "1.050 [1.050, 1.090]", "yes")
    (row,) = memory.rows({"100": [100 * mib], "1000": [111 * mib]})
    assert row.reached == "no"


def test_the_bytes_of_a_manifest_are_those_of_its_columns(photo_folder) -> None:
    manifest = gather(config_of(["dataset=folder", f"dataset.path={photo_folder()}"]))
    columns = [manifest.split, manifest.given, manifest.listing.labels, manifest.verdicts.width]
    assert memory.bytes_of(manifest) > sum(column.nbytes for column in columns)
    text = "a text"
    assert memory.bytes_of(np.array([text, text], dtype=object)) == 16 + text.__sizeof__()


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="Linux")
def test_a_process_has_memory_of_its_own() -> None:
    code = "kept = bytearray(b'x') * 2**25; print(len(kept), flush=True); input()"
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == f"{2**25}\n"
        assert 2**25 < memory._own_memory(process.pid) < 2**26
        process.communicate("\n")
    assert memory._own_memory(2**22 + 1) == 0


def test_large_photos_are_measured_against_decoding_in_full(photo_folder, config, tmp_path: Path) -> None:
    sources = sorted(photo_folder({"cats": 2}, size=(200, 150)).rglob("*.jpg"))
    for noise in (0.0, 3.0):
        paths = large_photos.enlarged(sources, tmp_path / f"{noise}", (2600, 1900), noise)
        assert [decode(path.read_bytes()).size for path in paths] == [(2600, 1900)] * 2
        how = Preparation((40, 40))
        worst, mean = large_photos.difference(paths, how)
        assert 0 < worst <= 2
        assert 0 < mean < 0.5
        assert large_photos._pass_over(paths, how, large_photos.in_full) > 0
