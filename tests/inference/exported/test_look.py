"""Files from elsewhere are read before they are run: whatever could do more than compute is refused."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
from onnx import TensorProto, helper, numpy_helper

from catsdogs_exp.compat import saved_model_in
from catsdogs_exp.data.images.preparing import Preparation
from catsdogs_exp.errors import BadInput
from catsdogs_exp.inference.export.litert import write_float
from catsdogs_exp.inference.export.saved_model import write_saved_model
from catsdogs_exp.inference.exported.look_litert import what_litert_does
from catsdogs_exp.inference.exported.look_onnx import what_onnx_does
from catsdogs_exp.inference.exported.look_saved_model import what_saved_model_does
from catsdogs_exp.inference.exported.predictor import ExportedPredictor
from catsdogs_exp.training.checkpoint.card import ModelCard

CARD = ModelCard(("cats", "dogs"), (8, 8), "stretch", "bilinear")


def described(path: Path) -> Path:
    (path.parent / "exports.json").write_text(json.dumps({"network": asdict(CARD), "calibration": None}))
    return path


def network() -> keras.Model:
    inputs = keras.Input((8, 8, 3))
    found = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(found))


# SavedModels


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ours") / "savedmodel"
    write_saved_model(network(), Preparation((8, 8)), folder)
    return folder


def hostile(folder: Path, act: Callable[[], Any]) -> Path:
    """A SavedModel with the signatures of an export, whose network also acts."""

    class Network(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 3), tf.uint8, "images")])
        def answer(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
            with tf.control_dependencies([each for each in [act()] if each is not None]):
                return {"probabilities": tf.fill((tf.shape(images)[0], 2), 0.5)}

    module = Network()
    tf.saved_model.save(module, str(folder), {"pixels": module.answer, "bytes": module.answer})
    return described(folder)


def pythons() -> Any:
    return tf.py_function(lambda: 1.0, [], tf.float32)


def listing() -> Any:
    return tf.io.matching_files("/etc/*")


def table() -> Any:
    return tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64)


def loop() -> Any:
    """Reads a file within a loop, which is a function of its own."""
    return tf.while_loop(lambda i: i < 2, lambda i: (i + tf.strings.length(tf.io.read_file("x")),), [0])[0]


@pytest.mark.parametrize(
    ("act", "operator"),
    [
        (lambda: tf.io.read_file("/etc/passwd"), "ReadFile"),
        (pythons, "EagerPyFunc"),
        (listing, "MatchingFiles"),
        (lambda: tf.print("hello"), "PrintV2"),
        (table, "HashTableV2"),
        (loop, "ReadFile"),
    ],
)
def test_a_saved_model_that_acts(tmp_path: Path, act: Callable, operator: str) -> None:
    folder = hostile(tmp_path / "savedmodel", act)
    with pytest.raises(BadInput) as refused:
        ExportedPredictor(folder, "savedmodel")
    assert f"{folder} is not run: it has operators that do more than compute: " in str(refused.value)
    assert operator in str(refused.value)


def test_the_danger_is_real_and_refused(tmp_path: Path) -> None:
    mark = tmp_path / "written"
    folder = hostile(tmp_path / "savedmodel", lambda: tf.io.write_file(str(mark), "x"))
    with pytest.raises(BadInput, match="WriteFile"):
        ExportedPredictor(folder, "savedmodel")
    assert not mark.exists()
    tf.saved_model.load(str(folder)).signatures["pixels"](images=np.zeros((1, 8, 8, 3), np.uint8))
    assert mark.exists()


def test_operators_that_are_run_only_compute() -> None:
    """By TensorFlow's own list: those with a state are variables of the network, and calls of functions."""
    from tensorflow.python.framework import op_def_registry

    from catsdogs_exp.inference.exported.look_saved_model import _OPERATORS

    stateful = {name for name in _OPERATORS if op_def_registry.get(name).is_stateful}
    variables = {"AssignVariableOp", "DisableCopyOnRead", "ReadVariableOp", "VarHandleOp"}
    assert stateful == {*variables, "If", "StatefulPartitionedCall", "While"}


def changed(ours: Path, folder: Path, change: Callable[[Any], Any]) -> str:
    """What a copy of an export does after a change of its graph."""
    shutil.copytree(ours, folder)
    path = folder / "saved_model.pb"
    content = saved_model_in(path.read_bytes())
    change(content)
    path.write_bytes(content.SerializeToString())
    return what_saved_model_does(folder)


def of_graph(content: Any) -> tuple[Any, Any]:
    """The function that saves, and one that answers."""
    functions = content.meta_graphs[0].graph_def.library.function
    (saver,) = (each for each in functions if "SaveV2" in {node.op for node in each.node_def})
    answer = next(each for each in functions if "MatMul" in {node.op for node in each.node_def})
    return saver, answer


def call_the_saver(content: Any) -> None:
    saver, answer = of_graph(content)
    node = answer.node_def.add(name="call", op="PartitionedCall")
    node.attr["f"].func.name = saver.signature.name


def use_it_as_an_operator(content: Any) -> None:
    saver, answer = of_graph(content)
    saver.signature.name = "Relu"
    answer.node_def.add(name="call", op="Relu")


def name_it_in_a_text(content: Any) -> None:
    saver, answer = of_graph(content)
    answer.attr["forward_function_name"].s = saver.signature.name.encode()


def offer_it(content: Any) -> None:
    saver, _ = of_graph(content)
    content.meta_graphs[0].object_graph_def.concrete_functions[saver.signature.name].SetInParent()


def let_it_stand_in(content: Any) -> None:
    for each in of_graph(content):
        each.attr["api_implements"].s = b"same"


def make_it_a_gradient(content: Any) -> None:
    saver, answer = of_graph(content)
    content.meta_graphs[0].graph_def.library.gradient.add(
        function_name=answer.signature.name, gradient_func=saver.signature.name
    )


@pytest.mark.parametrize(
    "change",
    [call_the_saver, use_it_as_an_operator, name_it_in_a_text, offer_it, let_it_stand_in, make_it_a_gradient],
)
def test_the_functions_that_save_cannot_be_used(ours: Path, tmp_path: Path, change: Callable) -> None:
    """They write files of any name; every SavedModel has them."""
    assert changed(ours, tmp_path / "x", lambda content: None) == ""
    assert changed(ours, tmp_path / "y", change) in (
        "it reads or writes files: its functions use those that save it",
        "its functions replace one another",
    )


def test_other_graphs_than_the_one_that_is_read(ours: Path, tmp_path: Path) -> None:
    def twice(content: Any) -> None:
        content.meta_graphs.add().CopyFrom(content.meta_graphs[0])

    assert changed(ours, tmp_path / "a", twice) == "it was written by TensorFlow 1"
    first = changed(ours, tmp_path / "b", lambda content: content.meta_graphs[0].ClearField("object_graph_def"))
    assert first == "it was written by TensorFlow 1"
    for name in ("saved_model.pbtxt", "saved_model.cpb"):
        (tmp_path / "b" / name).touch()
        assert what_saved_model_does(tmp_path / "b") == "it has another graph beside saved_model.pb"


def test_objects_that_are_not_those_of_a_network(ours: Path, tmp_path: Path) -> None:
    def resource(content: Any) -> None:
        content.meta_graphs[0].object_graph_def.nodes.add().resource.device = ""

    def registered(content: Any) -> None:
        content.meta_graphs[0].object_graph_def.nodes[1].registered_name = "Custom.Class"

    for number, (change, name) in enumerate([(resource, "resource"), (registered, "Custom.Class")]):
        found = changed(ours, tmp_path / str(number), change)
        assert found == f"it has objects that are not those of a network: {name}"


# ONNX


def node(*arguments: Any, **attributes: Any) -> Any:
    return helper.make_node(*arguments, **attributes)


def onnx_file(path: Path, nodes: list[Any], weights: list[Any] = [], **more: Any) -> Path:  # noqa: B006
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, (None, 8, 8, 3))],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, (None, 2))],
        weights,
    )
    domains = [helper.make_opsetid(name, 17 if not name else 1) for name in ("", "com.microsoft")]
    path.write_bytes(helper.make_model(graph, opset_imports=domains, **more).SerializeToString())
    return described(path)


def outside() -> Any:
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../../etc/passwd")
    return tensor


def hidden(inner: Any, weights: list[Any] = []) -> Any:  # noqa: B006
    """A node with a branch."""
    branch = helper.make_graph([inner], "b", [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], weights)
    return node("If", ["c"], ["z"], then_branch=branch, else_branch=branch)


CALL = node("EPContext", ["images"], ["probabilities"], domain="com.microsoft", ep_cache_context="/etc/passwd")
FOREIGN = "it has operators that are not ONNX's own: com.microsoft.EPContext"


@pytest.mark.parametrize(
    ("nodes", "weights", "more", "message"),
    [
        ([CALL], [], {}, FOREIGN),
        ([hidden(CALL)], [], {}, FOREIGN),
        ([node("Identity", ["w"], ["probabilities"])], [outside()], {}, "its weights are in other files"),
        ([hidden(node("Identity", ["w"], ["y"]), [outside()])], [], {}, "its weights are in other files"),
        ([node("Constant", [], ["probabilities"], value=outside())], [], {}, "its weights are in other files"),
        (
            [node("Identity", ["images"], ["probabilities"])],
            [],
            {"functions": [helper.make_function("", "Mine", ["x"], ["y"], [node("Identity", ["x"], ["y"])], [])]},
            "it defines operators of its own",
        ),
    ],
)
def test_an_onnx_file_that_does_more(
    tmp_path: Path, nodes: list[Any], weights: list[Any], more: dict[str, Any], message: str
) -> None:
    path = onnx_file(tmp_path / "network.onnx", nodes, weights, **more)
    with pytest.raises(BadInput) as refused:
        ExportedPredictor(path, "onnx")
    assert str(refused.value) == (
        f"{path} is not run: {message}. Only what export writes is run; anything else could be a program"
    )


def test_an_onnx_file_with_other_inputs(tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "network.onnx", [node("Cast", ["images"], ["probabilities"], to=1)])
    assert what_onnx_does(path) == ""
    with pytest.raises(BadInput, match=r"network\.onnx"):
        ExportedPredictor(path, "onnx")
    assert isinstance(onnx.load(path), onnx.ModelProto)


# LiteRT


def test_a_litert_file_with_operators_of_tensorflow(tmp_path: Path) -> None:
    inputs = keras.Input((8, 8, 3))

    @keras.saving.register_keras_serializable("test_look")
    class Hues(keras.layers.Layer):
        def call(self, x: tf.Tensor) -> tf.Tensor:
            return tf.image.rgb_to_hsv(x)

    found = keras.layers.GlobalAveragePooling2D()(Hues()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(found))
    path = described(tmp_path / "network.tflite")
    write_float(model, path, flex=True)
    with pytest.raises(BadInput, match=r"is not run: it has operators that are not LiteRT's own: FlexRGBToHSV\. "):
        ExportedPredictor(path, "litert")


def test_a_litert_file_whose_parts_reach_outside(tmp_path: Path) -> None:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    path = tmp_path / "network.tflite"
    write_float(network(), path)
    data = path.read_bytes()
    assert what_litert_does(path) == ""

    def written(change: Callable[[Any], None]) -> str:
        model = schema.ModelT.InitFromPackedBuf(data)
        change(model)
        builder = flatbuffers.Builder()
        builder.Finish(model.Pack(builder), b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return what_litert_does(path)

    def beyond(model: Any) -> None:
        model.buffers[1].offset, model.buffers[1].size = 10**6, 100

    def large(model: Any) -> None:
        model.subgraphs[0].tensors[0].shape = np.array([2**30, 2**30], np.int32)

    def onto_weights(model: Any) -> None:
        graph = model.subgraphs[0]
        weights = next(each for each in graph.tensors if model.buffers[each.buffer].data is not None)
        graph.tensors[graph.operators[0].outputs[0]].buffer = weights.buffer

    def unknown_tensor(model: Any) -> None:
        model.subgraphs[0].operators[0].outputs = np.array([999], np.int32)

    def unknown_weights(model: Any) -> None:
        model.subgraphs[0].tensors[0].buffer = 999

    def unwritten(model: Any) -> None:
        graph = model.subgraphs[0]
        graph.operators[0].inputs = graph.outputs

    assert written(lambda model: None) == ""
    assert written(onto_weights) == "it writes where its weights are"
    assert written(unknown_tensor) == "it names operators or tensors that it does not have"
    assert written(unknown_weights) == "it names weights that it does not have"
    assert written(unwritten) == "it reads tensors that nothing writes"
    assert written(beyond) == "its weights reach beyond its end"
    assert written(large) == f"it has a tensor of the shape [{2**30}, {2**30}]"
    path.write_bytes(b"\0" * 100)
    assert what_litert_does(path) == "it is no LiteRT file"
