"""The event files, read back as TensorBoard reads them."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups
from tensorboard.plugins.hparams.api_pb2 import ListSessionGroupsRequest

from catsdogs_exp.__main__ import main
from catsdogs_exp.record.listeners.metrics_csv import COLUMNS


def multiplexer(folder: Path) -> EventMultiplexer:
    events = EventMultiplexer()
    events.AddRunsFromDirectory(str(folder))
    events.Reload()
    return events


def scalars(events: EventMultiplexer, run: str, tag: str) -> dict[int, float]:
    return {event.step: float(tf.make_ndarray(event.tensor_proto)) for event in events.Tensors(run, tag)}


def pictures(events: EventMultiplexer, run: str, tag: str) -> dict[int, np.ndarray]:
    return {
        event.step: tf.io.decode_png(tf.make_ndarray(event.tensor_proto)[2]).numpy()
        for event in events.Tensors(run, tag)
    }


def session_groups(folder: Path) -> list:
    """The rows of the HParams table, by TensorBoard's own code."""
    events = multiplexer(folder)
    provider = MultiplexerDataProvider(events, str(folder))
    context = backend_context.Context(type("TB", (), {"data_provider": provider, "logdir": str(folder)})())
    request = ListSessionGroupsRequest(start_index=0, slice_size=100)
    request.allowed_statuses.extend([0, 1, 2, 3])
    experiment = context.experiment_from_metadata(
        RequestContext(),
        "",
        True,
        context.hparams_metadata(RequestContext(), ""),
        context.hparams_from_data_provider(RequestContext(), "", None),
    )
    for info in experiment.hparam_infos:
        column = request.col_params.add()
        column.hparam = info.name
    for info in experiment.metric_infos:
        column = request.col_params.add()
        column.metric.MergeFrom(info.name)
    return list(list_session_groups.Handler(RequestContext(), context, "", request).run().session_groups)


def test_train_and_validation_share_their_charts(trained: Path) -> None:
    events = multiplexer(trained / "tensorboard")
    rows = dict.fromkeys(COLUMNS)
    text = (trained / "metrics.csv").read_text().splitlines()
    rows = [dict(zip(COLUMNS, line.split(","), strict=True)) for line in text[1:]]
    for tag in ("loss", "accuracy"):
        for run, prefix in (("train", ""), ("validation", "val_")):
            expected = {int(row["epoch"]): float(row[prefix + tag]) for row in rows}
            assert scalars(events, run, tag) == pytest.approx(expected)
    assert scalars(events, "train", "learning_rate") == pytest.approx({1: 0.001, 2: 0.001, 3: 0.001})
    assert all(value > 0 for value in scalars(events, "train", "images_per_second").values())


def test_pictures_are_there_at_their_epochs(trained: Path) -> None:
    events = multiplexer(trained / "tensorboard")
    tags = events.Runs()["validation"]["tensors"]
    activations = sorted(tag for tag in tags if tag.startswith("activations/"))
    parts = ["00 all layers", "01 block1_conv", "02 block1_pool", "03 block2_conv", "04 block2_pool"]
    assert [tag.rpartition("/")[2] for tag in activations] == 2 * parts  # sorted by name is sorted by depth
    assert {tag.split("/")[1].split(" ")[0] for tag in activations} == {"cats", "dogs"}
    for tag in activations:
        shown = pictures(events, "validation", tag)
        assert list(shown) == [1, 2]  # the first epoch, then every second
        assert shown[1].shape[1:] == (1080, 3)
        assert (shown[1] != shown[2]).any()
    best = [tag for tag in tags if tag.startswith("activations at the best epoch/")]
    assert len(best) == 2 * len(parts)
    (samples,) = pictures(events, "train", "augmented training images").values()
    assert samples.shape[1] > 1000


def test_the_table_of_hparams_has_a_row_named_as_the_run(trained: Path) -> None:
    (row,) = session_groups(trained.parent)
    assert row.name == trained.name
    assert row.hparams["lr"].number_value == 0.001
    assert row.hparams["target_size"].number_value == 32
    assert row.hparams["model"].string_value == "cnn"
    assert row.hparams["model.dense"].number_value == 16
    assert row.hparams["augment"].string_value == "course"
    values = {(metric.name.group, metric.name.tag): metric.value for metric in row.metric_values}
    assert values[("validation", "accuracy")] > 0 and ("validation", "loss") in values
    assert row.sessions[0].status == api_pb2.STATUS_SUCCESS


def test_a_sweep_has_a_row_a_job(tmp_path: Path, tiny: tuple[str, ...]) -> None:
    words = ["-m", *tiny, "epochs=1", "lr=0.01,0.001", "logging.activations.every=-1", "logging.samples=0"]
    assert main([*words, f"output_dir={tmp_path}"]) == 0
    (sweep,) = (tmp_path / "drawn").iterdir()
    rows = session_groups(tmp_path)
    names = sorted(row.name for row in rows)
    assert names == [f"{job} in {sweep.name}" for job in ("0-lr=0.01", "1-lr=0.001")]
    assert sorted(row.hparams["lr"].number_value for row in rows) == [0.001, 0.01]
    for row in rows:
        assert {metric.name.group for metric in row.metric_values} >= {"validation"}
