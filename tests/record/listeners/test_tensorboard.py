"""The event files, read back as TensorBoard reads them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups
from tensorboard.plugins.hparams.api_pb2 import ListSessionGroupsRequest

from catsdogs_exp.__main__ import main
from catsdogs_exp.config.schema import Config
from catsdogs_exp.insight.graph import FlatNetwork
from catsdogs_exp.metrics.confusion_matrix import f1_scores
from catsdogs_exp.record.folder.predictions import predictions_of
from catsdogs_exp.record.listeners.metrics_csv import COLUMNS
from catsdogs_exp.record.listeners.tensorboard.projector import features
from catsdogs_exp.record.pictures.filter_sheet import filter_sheet
from catsdogs_exp.run.job import hparams
from catsdogs_exp.training.steps import Steps, StepSettings


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
    assert values[("", "accuracy")] > 0 and {("", "loss"), ("", "best epoch/accuracy")} <= values.keys()
    assert row.sessions[0].status == api_pb2.STATUS_SUCCESS


def test_a_sweep_has_a_row_a_job(tmp_path: Path, bare: tuple[str, ...]) -> None:
    words = ["-m", *bare, "epochs=1", "lr=0.01,0.001", "logging.tensorboard=true"]
    assert main([*words, f"output_dir={tmp_path}"]) == 0
    (sweep,) = (tmp_path / "drawn").iterdir()
    rows = session_groups(tmp_path)
    names = sorted(row.name for row in rows)
    assert names == [f"{job} in {sweep.name}" for job in ("0-lr=0.01", "1-lr=0.001")]
    assert sorted(row.hparams["lr"].number_value for row in rows) == [0.001, 0.01]
    for row in rows:
        assert {metric.name.tag for metric in row.metric_values} >= {"accuracy", "loss", "best epoch/accuracy"}


def test_a_resumed_run_shows_its_present_settings(tmp_path: Path, bare: tuple[str, ...]) -> None:
    assert main(["-m", *bare, "epochs=1", "lr=0.01", "logging.tensorboard=true", f"output_dir={tmp_path}"]) == 0
    (sweep,) = (tmp_path / "drawn").iterdir()
    (run,) = sweep.glob("0-*")
    assert main(["resume", str(run), "epochs=2", "lr=0.001", "--allow-changes"]) == 0
    (row,) = session_groups(tmp_path)
    assert row.name == f"{run.name} in {sweep.name}"
    assert (row.hparams["lr"].number_value, row.hparams["epochs"].number_value) == (0.001, 2)
    assert row.sessions[0].status == api_pb2.STATUS_SUCCESS
    texts = multiplexer(run / "tensorboard").Tensors("train", "config")
    assert [event.step for event in texts] == [0, 1]
    assert "epochs: 2" in texts[1].tensor_proto.string_val[0].decode()
    assert scalars(multiplexer(run / "tensorboard"), "train", "loss").keys() == {1, 2}


def test_a_run_whose_event_files_were_deleted_is_in_the_table_again(tmp_path: Path, bare: tuple[str, ...]) -> None:
    assert main([*bare, "epochs=1", "logging.tensorboard=true", f"output_dir={tmp_path}"]) == 0
    (run,) = (tmp_path / "drawn").iterdir()
    shutil.rmtree(run / "tensorboard")
    assert main(["resume", str(run), "epochs=2"]) == 0
    assert [row.hparams["epochs"].number_value for row in session_groups(tmp_path)] == [2]


def test_two_images_of_the_same_name_have_their_own_pictures(photo_folder: Callable[..., Path], tmp_path: Path) -> None:
    photos = photo_folder({"cats/first": 1, "cats/second": 1, "dogs": 2})
    (photos / "cats" / "first" / "first.0.jpg").rename(photos / "cats" / "first" / "1.jpg")
    (photos / "cats" / "second" / "second.0.jpg").rename(photos / "cats" / "second" / "1.jpg")
    words = ["dataset=folder", f"dataset.path={photos}", "split.validation=0", "split.test=0", "target_size=16"]
    words += ["depth=1", "model.dense=4", "epochs=1", "training.monitor=loss", "logging.activations.images=2"]
    assert main([*words, "logging.report=false", f"output_dir={tmp_path / 'out'}"]) == 0
    (run,) = (tmp_path / "out").glob("*/*")
    pages = sorted(path.name for path in (run / "activations").glob("best-*.png"))
    names = ["cats cats/first/1.jpg", "cats cats/second/1.jpg", "dogs dog.0.jpg", "dogs dog.1.jpg"]
    assert pages == [f"best-{name.replace(' ', '-').replace('/', '-')}.png" for name in names]
    tags = multiplexer(run / "tensorboard").Runs()["train"]["tensors"]
    assert {f"activations at the best epoch/{name}/00 all layers" for name in names} <= set(tags)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory, tiny: tuple[str, ...]) -> Path:
    """A run with all that TensorBoard can show."""
    outputs = tmp_path_factory.mktemp("everything")
    assert main([*tiny, "logging=everything", "logging.board.embedding=5", f"output_dir={outputs}"]) == 0
    (folder,) = (outputs / "drawn").iterdir()
    return folder


def test_a_run_is_two_short_names_and_hparams_add_none(trained: Path, everything: Path) -> None:
    for run in (trained, everything):
        assert sorted(multiplexer(run / "tensorboard").Runs()) == ["train", "validation"]


def test_a_profile_adds_no_name(tmp_path: Path, bare: tuple[str, ...]) -> None:
    assert main([*bare, "epochs=1", "logging.tensorboard=true", "--profile", f"output_dir={tmp_path}"]) == 0
    (folder,) = (tmp_path / "drawn").iterdir()
    assert sorted(multiplexer(folder / "tensorboard").Runs()) == ["train", "validation"]


def test_a_run_without_validation_images_is_one_name(tmp_path: Path, tiny: tuple[str, ...]) -> None:
    words = [*tiny, "epochs=1", "split.validation=0", "split.test=0", "training.monitor=loss", "logging=everything"]
    assert main([*words, f"output_dir={tmp_path}"]) == 0
    (folder,) = (tmp_path / "drawn").iterdir()
    events = multiplexer(folder / "tensorboard")
    assert list(events.Runs()) == ["train"]
    assert [row.hparams["lr"].number_value for row in session_groups(tmp_path)] == [0.001]
    assert any(tag.startswith("activations/") for tag in events.Runs()["train"]["tensors"])


def test_confusion_matrix_and_mistakes_are_drawn_at_recorded_epochs_and_the_best(everything: Path) -> None:
    events = multiplexer(everything / "tensorboard")
    best = json.loads((everything / "result.json").read_text())["objective"]["epoch"]
    for tag in ("confusion matrix", "worst mistakes", "grad-cam"):
        assert list(pictures(events, "validation", tag)) == [1, 2, 3]
        assert list(pictures(events, "validation", f"{tag} at the best epoch")) == [best]
        shown = pictures(events, "validation", tag)[best]
        assert shown.shape == pictures(events, "validation", f"{tag} at the best epoch")[best].shape
    drawn = pictures(events, "validation", "confusion matrix")
    assert (drawn[best] == pictures(events, "validation", "confusion matrix at the best epoch")[best]).all()
    assert list(pictures(events, "train", "filters/block1_conv")) == [1, 2, 3]


def test_f1_per_class_norms_and_best_epoch_are_scalars(everything: Path) -> None:
    events = multiplexer(everything / "tensorboard")
    result = json.loads((everything / "result.json").read_text())
    best = result["objective"]["epoch"]
    scores = f1_scores(predictions_of(everything).of_split("validation").confusion())
    for name, score in zip(result["classes"], scores, strict=True):
        assert scalars(events, "validation", f"f1/{name}")[best] == pytest.approx(score)
    assert scalars(events, "validation", "best epoch/accuracy") == {
        best: pytest.approx(result["metrics"]["val"]["accuracy"])
    }
    for tag in ("norms/gradients", "norms/weights", "norms of layers/block1_conv"):
        values = scalars(events, "train", tag)
        assert list(values) == [1, 2, 3] and all(value > 0 for value in values.values())
    layers = [tag for tag in events.Runs()["train"]["tensors"] if tag.startswith("norms of layers/")]
    squares = sum(scalars(events, "train", tag)[3] ** 2 for tag in layers)
    assert scalars(events, "train", "norms/weights")[3] == pytest.approx(squares**0.5, rel=1e-5)


def test_texts_tell_config_data_and_model(everything: Path) -> None:
    events = multiplexer(everything / "tensorboard")

    def text(tag: str) -> str:
        (event,) = events.Tensors("train", tag)
        return tf.make_ndarray(event.tensor_proto).item().decode()

    assert "    #   dataset.images=48" in text("config") and "    lr: 0.001" in text("config")
    counts = json.loads((everything / "result.json").read_text())["counts"]
    assert f"    validation: {sum(counts['validation'].values())} images" in text("data")
    assert "block1_conv" in text("model") and "Trainable params" in text("model")
    assert all(line.startswith("    ") for tag in ("config", "data", "model") for line in text(tag).splitlines())


def test_curves_histograms_and_graph_are_there(everything: Path) -> None:
    events = multiplexer(everything / "tensorboard")
    found = predictions_of(everything).of_split("validation")
    for column, name in enumerate(found.classes):
        curves = {e.step: tf.make_ndarray(e.tensor_proto) for e in events.Tensors("validation", curve_tag(name))}
        assert list(curves) == [1, 2, 3]
        best = json.loads((everything / "result.json").read_text())["objective"]["epoch"]
        true_positives, false_positives, *_ = curves[best]
        assert true_positives[0] == (found.labels == column).sum()  # at the threshold 0 all are found
        assert false_positives[0] == (found.labels != column).sum()
    tags = events.Runs()["train"]
    assert any(tag.startswith("weights/") and "kernel" in tag for tag in tags["tensors"])
    assert tags["graph"] and "block1_conv" in str(events.Graph("train"))


def curve_tag(name: str) -> str:
    return f"precision-recall/{name}/pr_curves"


def test_the_projector_has_a_point_a_name_and_a_picture_for_each_image(everything: Path) -> None:
    folder = everything / "tensorboard" / "validation"
    config = (folder / "projector_config.pbtxt").read_text()
    points = np.loadtxt(folder / "projector" / "points.tsv", delimiter="\t")
    assert points.shape == (5, 16)  # what the last layer is given: the 16 units of the dense layer
    header, *labels = (folder / "projector" / "labels.tsv").read_text().splitlines()
    assert header.split("\t") == ["label", "predicted", "file"] and len(labels) == 5
    found = predictions_of(everything)
    said = dict(zip(found.paths, found.predicted.tolist(), strict=True))
    for line in labels:
        label, predicted, file = line.split("\t")
        assert file.startswith(label) or label in file
        assert found.classes[said[file]] == predicted
    with Image.open(folder / "projector" / "sprite.png") as sprite:
        assert sprite.size == (144, 144)  # three by three of 48 pixels
    assert 'tensor_path: "projector/points.tsv"' in config and "single_image_dim: 48" in config


def test_unset_settings_do_not_hide_a_run(tmp_path: Path, bare: tuple[str, ...]) -> None:
    words = ["-m", *bare, "epochs=1", "training.steps_per_epoch=null,2", "logging.tensorboard=true"]
    assert main([*words, f"output_dir={tmp_path}"]) == 0
    shown = [row.hparams["training.steps_per_epoch"] for row in session_groups(tmp_path)]
    assert sorted(value.string_value or str(value.number_value) for value in shown) == ["2.0", "not set"]


def test_hparams_leave_out_what_the_network_does_not_have(config: Callable[..., Config]) -> None:
    words = ["model=transfer", "model.weights=none", "target_size=75", "output_dir=x", "logging.samples=2"]
    table = hparams(config(*words), words)
    assert not {"depth", "output_dir", "logging.samples"} & table.keys()
    assert table["model.weights"] == "none" and table["model"] == "transfer"
    assert hparams(config("model=course_b"), [])["depth"] == 4


def test_the_mean_norm_of_gradients_is_that_of_the_batches() -> None:
    model = keras.Sequential([keras.Input((2,), dtype="float32"), keras.layers.Dense(2)])
    model.layers[-1].set_weights([np.zeros((2, 2), np.float32), np.zeros(2, np.float32)])
    model.compile()
    network = keras.Model(model.inputs, keras.layers.Softmax()(model.outputs[0]))
    steps = Steps(network, keras.optimizers.SGD(0.0), settings=StepSettings(inputs=tf.float32, norms=True))
    for scale in (1.0, 3.0):
        steps.train(tf.constant([[scale, 0.0]]), tf.constant([0]))
    # d loss / d logits is (-0.5, 0.5): its norm times that of (input, 1)
    expected = np.mean([0.5**0.5 * (scale**2 + 1) ** 0.5 for scale in (1.0, 3.0)])
    assert steps.take_gradient_norm() == pytest.approx(expected, rel=1e-5)
    assert steps.take_gradient_norm() == 0.0  # begun anew


def test_filters_share_one_scale_around_mid_grey() -> None:
    kernel = np.zeros((3, 3, 3, 10), np.float32)
    kernel[..., 1], kernel[..., 2] = 1.0, -0.5
    pixels = np.asarray(filter_sheet(kernel))
    assert pixels.shape == (2 * 51 + 3, 8 * 51 + 3, 3)
    assert [pixels[20, 51 * column + 20].tolist() for column in (0, 1, 2)] == [[128] * 3, [255] * 3, [64] * 3]


def test_features_of_wide_layers_are_averaged_in_groups() -> None:
    inputs = keras.Input((50, 50, 3), dtype="uint8")
    outputs = keras.layers.Dense(1)(keras.layers.Flatten()(keras.layers.Rescaling(1.0)(inputs)))
    images = np.full((2, 50, 50, 3), 7, np.uint8)
    found = features(FlatNetwork(keras.Model(inputs, outputs)), images)
    assert found.shape == (2, 1875)
    assert found == pytest.approx(7.0)
