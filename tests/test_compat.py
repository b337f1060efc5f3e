"""The border: each private name still exists and works as expected."""

import ast
import inspect
import io
import multiprocessing.spawn
import platform
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from catsdogs_exp import compat
from catsdogs_exp.config.compose import composed_of
from catsdogs_exp.errors import RunFailed

COMPAT = Path(compat.__file__)
_RMSPROP = ("keras.optimizers", "RMSprop")
_CAN = "make the class in training/optim/fused.py do without it, or set training.fused_optimizer=false by default"
_LOOK = "find how the strategy looks after its workers now, or leave it to the coordination service"
_WORKERS = ("tensorflow.python.distribute.collective_all_reduce_strategy", "CollectiveAllReduceExtended")


@dataclass(frozen=True)
class Symbol:
    """A name without any guarantee: where it is, and what to do once it is gone."""

    library: str
    module: str
    path: str
    remedy: str

    def find(self) -> Any:
        found = import_module(self.module)
        for name in self.path.split("."):
            found = getattr(found, name)
        return found


def _optimizer(name: str, remedy: str = _CAN) -> Symbol:
    return Symbol("keras", "keras.optimizers", f"RMSprop.{name}", remedy)


SYMBOLS = [
    _optimizer("_get_variable_index", "find the slot of a variable in another way, in `index_of`"),
    _optimizer("_apply_weight_decay"),
    _optimizer("_use_weight_decay", "ask Keras in another way whether a variable decays, in `takes_decay`"),
    _optimizer("_backend_update_step"),
    _optimizer("_distributed_tf_update_step"),
    Symbol(
        "tensorflow", "tensorflow", "__internal__.distribute.interim.maybe_merge_call", "see Keras's `apply_gradients`"
    ),
    Symbol(
        "tensorflow",
        "tensorflow.python.framework.ops",
        "gradient_registry._registry",
        "find where custom gradients are entered, or whether finished jobs are still kept alive",
    ),
    Symbol("tensorflow", "tensorflow.python.eager.context", "Context.configure_coordination_service", _LOOK),
    Symbol(
        "tensorflow",
        "tensorflow.core.protobuf.saved_model_pb2",
        "SavedModel",
        "find the message's class for `saved_model_in`, or declare the message there",
    ),
    Symbol("tensorflow", *_WORKERS, "use the module where it has gone to"),
    *(
        Symbol("tensorflow", _WORKERS[0], f"{_WORKERS[1]}.{name}", _LOOK)
        for name in (
            "_check_health_interval",
            "_check_health_timeout",
            "_check_health_retry_limit",
            "_check_health_initial_timeout",
        )
    ),
    Symbol(
        "hydra-core",
        "hydra._internal.core_plugins.file_config_source",
        "FileConfigSource",
        "write a `ConfigSource` for `experiments/`",
    ),
    Symbol(
        "hydra-core",
        "hydra._internal.callbacks",
        "Callbacks",
        "find how launchers are set up now, for `hydra_context`",
    ),
    Symbol("Python", "zipfile", "_EndRecData", "read the record at a zip's end in `zip_table`"),
]


@pytest.mark.parametrize("symbol", SYMBOLS, ids=lambda symbol: symbol.path)
def test_the_symbol_is_there(symbol: Symbol) -> None:
    there = platform.python_version() if symbol.library == "Python" else version(symbol.library)
    try:
        symbol.find()
    except (ImportError, AttributeError) as error:
        pytest.fail(f"{symbol.library} {there} has no {symbol.module}.{symbol.path} ({error}). To do: {symbol.remedy}")


def _attributes_of_instances() -> dict[str, Callable[[], Any]]:
    """Private names that objects get when they are made: name -> what must not raise."""

    def built(make: Callable[[Any], Any]) -> Any:
        import keras

        optimizer = make(keras.optimizers)
        optimizer.build([keras.Variable([1.0])])
        return optimizer

    def watching() -> Any:
        source = inspect.getsource(Symbol("tensorflow", *_WORKERS, "").find())
        return [source.index(f"self.{name} =") for name in ("_check_health_thread", "_check_health_thread_should_stop")]

    return {
        "_momentums": lambda: [
            built(lambda o: o.RMSprop(momentum=0.5))._momentums[0],
            built(lambda o: o.Adam())._momentums[0],
            built(lambda o: o.Lion())._momentums[0],
        ],
        "_velocities": lambda: [
            built(lambda o: o.RMSprop())._velocities[0],
            built(lambda o: o.Adam())._velocities[0],
        ],
        "_learning_rate": lambda: built(lambda o: o.SGD())._learning_rate,
        "_distribution_strategy": lambda: built(lambda o: o.SGD())._distribution_strategy.extended,
        "_check_health_thread": watching,
        "_check_health_thread_should_stop": watching,
        # of Python; `test_a_spawned_copy_knows_that_it_is_one` starts one
        "_inheriting": lambda: inspect.getsource(multiprocessing.spawn).index("current_process()._inheriting = True"),
    }


@pytest.mark.parametrize("name", _attributes_of_instances())
def test_objects_have_the_attribute(name: str) -> None:
    try:
        _attributes_of_instances()[name]()
    except (AttributeError, IndexError, ValueError) as error:
        pytest.fail(
            f"Keras {version('keras')} on TensorFlow {version('tensorflow')}: {name} is gone ({error}). "
            f"To do: {_LOOK if 'health' in name else _CAN}"
        )


def test_every_private_name_of_the_border_has_a_test() -> None:
    """A new one in compat.py needs an entry above."""
    tree = ast.parse(COMPAT.read_text(encoding="utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} | texts
    private = {name for name in used if name.startswith("_") and not name.startswith("__") and name.isidentifier()}
    tested = {name for symbol in SYMBOLS for name in symbol.path.split(".")} | set(_attributes_of_instances())
    assert private - tested == set()
    imported = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
        if "._" in node.module or node.module.startswith("tensorflow.python")
    }
    known = [f"{symbol.module}.{symbol.path}" for symbol in SYMBOLS]
    assert [name for name in imported if not any(place.startswith(name) for place in known)] == []


def test_what_is_gone_is_told_with_library_and_version() -> None:
    with pytest.raises(RunFailed, match=rf"^keras {version('keras')} is not supported: dict has no _gone\. Install an"):
        compat.inner({}, "_gone", "keras")
    with pytest.raises(RunFailed, match=rf"^Python {platform.python_version()} is not supported: zipfile has no _gone"):
        compat.inner(zipfile, "_gone", "Python")


def _moved(hooks: dict[str, Any]) -> tuple[type, Any, Any]:
    """An optimizer with hooks of ours that has moved a weight by one step."""
    import keras
    import tensorflow as tf

    made = type("Made", (compat.OptimizerInternals, keras.optimizers.RMSprop), hooks)
    optimizer, weight = made(0.1, weight_decay=0.5), keras.Variable([[1.0]])
    optimizer.build([weight])
    optimizer.apply([tf.constant([[0.0]])], [weight])
    return made, optimizer, weight


def test_keras_asks_our_weight_decay() -> None:
    """If the hook were renamed, Keras would silently use its own."""
    seen: list[Any] = []
    _, optimizer, weight = _moved({"decay_weights": lambda self, variables: seen.extend(variables)})
    assert len(seen) == 1 and float(weight.value[0, 0]) == 1.0
    assert optimizer.takes_decay(weight) and optimizer.index_of(weight) == 0
    _, _, kept = _moved({})
    assert float(kept.value[0, 0]) == pytest.approx(1 - 0.1 * 0.5)  # Keras's own


def test_a_class_without_the_hooks_of_keras_is_refused() -> None:
    other = type("Other", (), {"__module__": "keras.src.optimizers.other"})
    with pytest.raises(RunFailed, match="Other has no _apply_weight_decay"):
        type("Made", (compat.OptimizerInternals, other), {})


def test_the_rate_of_an_optimiser_is_its_schedule() -> None:
    import keras

    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    assert compat.rate_of(keras.optimizers.SGD(schedule)) is schedule
    assert compat.rate_of(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(schedule))) is schedule


def test_copies_on_several_devices_have_no_handle() -> None:
    import keras
    import tensorflow as tf

    assert compat.handles(tf.Variable(1.0), keras.Variable(1.0)) is not None
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        assert compat.handles(tf.Variable(1.0)) is None


def test_custom_gradients_are_forgotten_and_all_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf
    from tensorflow.python.framework import ops

    @tf.custom_gradient
    def same(x: Any) -> Any:
        return x, lambda upstream: upstream

    def entered() -> list[str]:
        return [name for name in ops.gradient_registry.list() if name.startswith("CustomGradient-")]

    tf.function(lambda: same(tf.constant(1.0)))()
    assert entered()
    compat.forget_custom_gradients()
    assert not entered() and "MatMul" in ops.gradient_registry.list()
    monkeypatch.delattr(ops.gradient_registry, "_registry")
    with pytest.raises(RunFailed, match="Registry has no _registry"):  # not passed over: memory would fill up
        compat.forget_custom_gradients()


def test_a_strategy_that_cannot_be_watched_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    strategy: Any = type("Strategy", (), {"extended": object()})
    with pytest.raises(RunFailed, match="object has no _check_health_thread"):
        compat.is_watching(strategy)
    with pytest.raises(RunFailed, match="object has no _check_health_thread_should_stop"):
        compat.stop_watching(strategy)
    from tensorflow.python.eager import context

    monkeypatch.setattr(context.Context, "configure_coordination_service", lambda self, service_type: None)
    extended = Symbol("tensorflow", *_WORKERS, "").find()
    for name in ("interval", "timeout", "retry_limit", "initial_timeout"):
        monkeypatch.setattr(extended, f"_check_health_{name}", None)
    compat.watch_workers(compat.Patience(look=1, answer=2, looks=3, join=4))
    assert (extended._check_health_interval, extended._check_health_retry_limit) == (1, 3)
    assert (extended._check_health_timeout, extended._check_health_initial_timeout) == (2, 4)
    monkeypatch.delattr(extended, "_check_health_interval")
    with pytest.raises(RunFailed, match="CollectiveAllReduceExtended has no _check_health_interval"):
        compat.watch_workers(compat.Patience(look=1, answer=2, looks=3, join=4))


@pytest.mark.parametrize(
    ("words", "kind", "name"),
    [
        (["model=cmn"], "choice", "model/cmn"),
        (["lr"], "word", "lr"),
        (["lr=a b)"], "word", "lr=a b)"),
        (["learning_rate=1"], "key", "learning_rate"),
        (["model.dpeth=1"], "key", "model.dpeth"),
        (["~learning_rate"], "key", "learning_rate"),
        (["modle@a=cnn"], "key", "modle"),
        (["lr=1,2"], "sweep", "lr=1,2"),
        (["model=null"], "no choice", ""),
    ],
)
def test_what_hydra_complains_of_is_understood(words: list[str], kind: str, name: str) -> None:
    """Its messages are parsed: a different wording would become `other`, and users would lose the hint."""
    with pytest.raises((HydraException, OmegaConfBaseException, ValueError)) as caught:
        composed_of(words)
    error = caught.value
    complaint = compat.complaint_of(error)
    assert (complaint.kind, complaint.name) == (kind, name), f"hydra-core {version('hydra-core')} says: {error}"


def test_the_table_of_a_zip_is_measured_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "some.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", "1")
        archive.writestr("bc", "2")
    with path.open("rb") as handle:
        assert compat.zip_table(handle) == (2, 46 + 1 + 46 + 2)
    assert compat.zip_table(io.BytesIO(b"no zip" * 10)) is None


def test_operations_of_keras_nn_are_told_from_others() -> None:
    import keras

    inputs = keras.Input((4, 4, 2))
    model = keras.Model(inputs, keras.ops.add(keras.layers.ReLU()(keras.ops.nn.relu(inputs)), 1.0))
    found = {type(each).__name__: compat.is_neural_operation(each) for each in model.operations}
    assert found == {"InputLayer": False, "Relu": True, "ReLU": False, "Add": False}


def test_frozen_dataclasses_are_told_from_others() -> None:
    assert compat.is_frozen(dataclass(frozen=True)(type("Frozen", (), {})))
    assert not compat.is_frozen(dataclass(type("Open", (), {})))


def test_a_stored_config_can_give_way_to_a_file() -> None:
    store = ConfigStore.instance()
    store.store(group="hydra/launcher", name="given_away", node={"workers": 1})
    assert "given_away.yaml" in store.list("hydra/launcher")
    compat.forget_stored_config("hydra/launcher", "given_away")
    compat.forget_stored_config("nowhere/at_all", "given_away")
    assert "given_away.yaml" not in store.list("hydra/launcher")


def test_a_spawned_copy_knows_that_it_is_one(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, sys\n"
        "from catsdogs_exp import compat\n"
        "print(__name__, compat.is_being_spawned(), flush=True)\n"
        "def work(): print('work', compat.is_being_spawned(), flush=True)\n"
        "if __name__ == '__main__':\n"
        "    process = multiprocessing.get_context('spawn').Process(target=work)\n"
        "    process.start(); process.join(); sys.exit(process.exitcode)\n",
        encoding="utf-8",
    )
    said = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == ["__main__ False", "__mp_main__ True", "work False"]


def test_no_class_outside_the_border_overrides_what_is_private_to_its_base() -> None:
    package = Path(compat.__file__).parent
    odd = []
    for path in sorted(package.rglob("*.py")):
        name = ".".join(("catsdogs_exp", *path.relative_to(package).with_suffix("").parts)).removesuffix(".__init__")
        if name in ("catsdogs_exp.compat", "catsdogs_exp.__main__"):
            continue
        module = import_module(name)
        for found in vars(module).values():
            if not isinstance(found, type) or found.__module__ != name:
                continue
            foreign = [base for base in found.__mro__[1:] if not base.__module__.startswith("catsdogs_exp")]
            for each, what in vars(found).items():
                is_ours = getattr(getattr(what, "fget", what), "__module__", None) == name  # not made by a decorator
                private = each.startswith("_") and not each.startswith("__")
                if private and is_ours and any(each in vars(base) for base in foreign):
                    odd.append(f"{name}.{found.__name__}.{each}")
    assert odd == [], "move the override to catsdogs_exp/compat.py under a public name"
