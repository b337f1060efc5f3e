"""Everything that uses non-public interfaces of TensorFlow, Keras, Hydra or Python.

Each entry says why it is needed and what would replace it. `tests/test_compat.py` fails with the symbol's name when a
new version removes it, and `tests/test_architecture.py` keeps such names out of all other modules. TensorFlow and Keras
are imported inside the functions: importing this module imports neither.
"""

import multiprocessing
import platform
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import IO, Any

from hydra._internal.callbacks import Callbacks
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException, MissingConfigException, OverrideParseException
from hydra.types import HydraContext
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from catsdogs_exp.errors import RunFailed

__all__ = ["FileConfigSource"]  # why: reads recipes as Hydra reads configs. Replace: our own `ConfigSource`


def inner(owner: Any, name: str, library: str) -> Any:
    """Returns an attribute that is not part of a public interface.

    Raises:
        RunFailed: if this version of the library does not have it; names both.
    """
    try:
        return getattr(owner, name)
    except AttributeError as error:
        there = platform.python_version() if library == "Python" else version(library)
        owned_by = getattr(owner, "__name__", type(owner).__name__)
        raise RunFailed(
            f"{library} {there} is not supported: {owned_by} has no {name}. Install an earlier version of {library}, "
            "or a later one of catsdogs-exp"
        ) from error


# --- TensorFlow: SavedModel -----------------------------------------------------------------------------------------


def saved_model_in(data: bytes) -> Any:
    """Parses the `SavedModel` message in the bytes of a `saved_model.pb`.

    Why: only TensorFlow's own modules read the file without loading the model. Replace: a public class of the message.

    Raises:
        google.protobuf.message.DecodeError: for other bytes.
    """
    from tensorflow.core.protobuf import saved_model_pb2  # noqa: PLC0415

    return inner(saved_model_pb2, "SavedModel", "tensorflow").FromString(data)


# --- Keras: optimizers -----------------------------------------------------------------------------------------------


class OptimizerInternals:
    """A mixin for Keras optimizers that gives their private parts public names.

    A subclass may define `decay_weights`, which then replaces Keras's own weight decay.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        keras_bases = [base for base in cls.__mro__ if base.__module__.partition(".")[0] == "keras"]
        for hook in ("_apply_weight_decay", "_backend_update_step") if keras_bases else ():
            if not any(hook in vars(base) for base in keras_bases):  # otherwise ours would silently never be called
                inner(keras_bases[0], hook, "keras")

    def index_of(self: Any, variable: Any) -> int:
        """Returns the index of a variable among those that the optimizer updates.

        Why: slots are lists. Replace: a public look-up of slots.
        """
        return int(self._get_variable_index(variable))

    def mean_of_gradients(self: Any, variable: Any) -> Any:
        """Returns the slot with the moving mean of a variable's gradients, for Adam, Lion and RMSprop with momentum.

        Why: fused updates write to it. Replace: public slots, such as `SGD.momentums`.
        """
        return self._momentums[self.index_of(variable)]

    def mean_of_squares(self: Any, variable: Any) -> Any:
        """Returns the slot with the moving mean of a variable's squared gradients, for Adam and RMSprop.

        Why and replace: as for `mean_of_gradients`.
        """
        return self._velocities[self.index_of(variable)]

    def decay_weights(self: Any, variables: Sequence[Any]) -> None:
        """Shrinks the variables by the weight decay; Keras's own unless a subclass overrides it."""
        super()._apply_weight_decay(variables)  # type: ignore[misc]

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        """Why: the decay follows each variable's learning rate. Replace: per-variable learning rates in Keras."""
        self.decay_weights(variables)

    def takes_decay(self: Any, variable: Any) -> bool:
        """Returns whether a variable has weight decay: not if it was passed to `exclude_from_weight_decay`.

        Why: Keras's own check is private. Replace: public `use_weight_decay`.
        """
        return bool(self._use_weight_decay(variable))

    def on_all_copies(self: Any, change: Callable[..., None], *args: Any) -> None:
        """Calls `change(strategy, ...)` for the copies of variables on all devices.

        Why: Keras only updates them from within a replica. Replace: an `optimizer.apply` that works in cross-replica
        context, where gradients are already summed.
        """
        import tensorflow as tf  # noqa: PLC0415

        if tf.distribute.in_cross_replica_context():
            change(self._distribution_strategy, *args)
        else:
            tf.__internal__.distribute.interim.maybe_merge_call(change, self._distribution_strategy, *args)

    def _backend_update_step(self: Any, grads: Sequence[Any], trainable_variables: Any, learning_rate: Any) -> None:
        """Why and replace: as for `on_all_copies`."""
        import tensorflow as tf  # noqa: PLC0415

        if tf.distribute.in_cross_replica_context():
            pairs = list(zip(grads, map(tf_variable, trainable_variables), strict=True))
            self.on_all_copies(self._distributed_tf_update_step, pairs, learning_rate)
        else:
            super()._backend_update_step(grads, trainable_variables, learning_rate)  # type: ignore[misc]


def tf_variable(variable: Any) -> Any:
    """Returns the TensorFlow variable inside a Keras one; TensorFlow's own are returned unchanged."""
    import tensorflow as tf  # noqa: PLC0415

    return variable if isinstance(variable, tf.Variable) else variable.value


def rate_of(optimizer: Any) -> Any:
    """Returns an optimizer's learning rate: a variable or a schedule, not its current value.

    Why: `learning_rate` computes a schedule's value. Replace: a public attribute for the schedule.
    """
    return inner(getattr(optimizer, "inner_optimizer", optimizer), "_learning_rate", "keras")


# --- Keras: operations -----------------------------------------------------------------------------------------------


def is_neural_operation(operation: Any) -> bool:
    """Returns whether a plain operation of a network is one of `keras.ops.nn`, such as `relu`.

    Why: functions of `keras.ops` leave objects of private classes in a network. Replace: a public name of the function
    that made an operation.
    """
    return type(operation).__module__.startswith("keras.src.ops.nn")


# --- TensorFlow ------------------------------------------------------------------------------------------------------


def handles(*variables: Any) -> list[Any] | None:
    """Returns the resource handles of variables, or None if some have no single handle (copies on several devices).

    Why: the operations that update a variable in one pass take handles. Replace: fused optimizers in Keras.
    """
    import tensorflow as tf  # noqa: PLC0415

    found = []
    for each in map(tf_variable, variables):
        if isinstance(each, tf.distribute.DistributedValues) or not hasattr(each, "handle"):
            return None
        found.append(each.handle)
    return found


def forget_custom_gradients() -> None:
    """Removes what `optimizer.apply` leaves behind in TensorFlow's gradient registry.

    Why: its all-reduce registers a custom gradient on every trace, which keeps the whole graph and the variables of a
    finished job alive: 38 MiB per job for 9 MiB of weights, as measured. Replace: a registry of weak references, or one
    process per job.
    """
    from tensorflow.python.framework import ops  # noqa: PLC0415

    registry = inner(inner(ops, "gradient_registry", "tensorflow"), "_registry", "tensorflow")
    for name in [name for name in registry if name.startswith("CustomGradient-")]:
        del registry[name]


@dataclass(frozen=True)
class Patience:
    """Settings of the health checks between workers.

    Attributes:
        look: seconds between checks.
        answer: seconds to wait for a response.
        looks: number of failed checks after which a worker counts as gone.
        join: seconds to wait for the others to start.
    """

    look: float
    answer: float
    looks: int
    join: float


def watch_workers(patience: Patience) -> None:
    """Makes the next `MultiWorkerMirroredStrategy` raise an error when a worker dies.

    Why: TensorFlow has two mechanisms. The coordination service, its default, aborts the process in C++; the older one
    checks the other workers periodically and raises an error. Replace: a public switch between the two.
    """
    from tensorflow.python.distribute.collective_all_reduce_strategy import (  # noqa: PLC0415
        CollectiveAllReduceExtended,
    )
    from tensorflow.python.eager import context  # noqa: PLC0415

    inner(context.context(), "configure_coordination_service", "tensorflow")(service_type="")
    for name, value in {
        "_check_health_interval": patience.look,
        "_check_health_timeout": patience.answer,
        "_check_health_retry_limit": patience.looks,
        "_check_health_initial_timeout": patience.join,
    }.items():
        inner(CollectiveAllReduceExtended, name, "tensorflow")  # setting a missing attribute would have no effect
        setattr(CollectiveAllReduceExtended, name, value)


def is_watching(strategy: Any) -> bool:
    """Returns whether the strategy watches its workers. Why and replace: as for `watch_workers`."""
    return inner(strategy.extended, "_check_health_thread", "tensorflow") is not None


def stop_watching(strategy: Any) -> None:
    """Stops watching, so that the others may exit. Why: otherwise only the process's exit would. Replace: a public
    method.
    """
    watcher = strategy.extended
    inner(watcher, "_check_health_thread_should_stop", "tensorflow").set()
    inner(watcher, "_check_health_thread", "tensorflow")
    watcher._check_health_thread = None  # a sleeping daemon thread: it is not waited for


def workers_down(message: str) -> set[int]:
    """Returns the workers that a TensorFlow error reports as down.

    Why: a hung worker still accepts connections. Replace: an attribute of the error.
    """
    return {int(number) for number in re.findall(r"task:(\d+) is down", message)}


def joined_too_late(error: RuntimeError) -> bool:
    """Returns whether creating a strategy failed because other workers did not start. Why, replace: as for
    `workers_down`.
    """
    return "Timeout" in str(error)


# --- Hydra -----------------------------------------------------------------------------------------------------------


def prepend_config_dir(folder: str) -> None:
    """Puts a folder first on the search path of the initialised Hydra.

    Why: `--config-dir` for composing in Python. Replace: a search path as an argument of `initialize_config_dir`.
    """
    loader: Any = GlobalHydra.instance().config_loader()
    loader.get_search_path().prepend("command-line", f"file://{folder}")
    loader.repository.initialize_sources(loader.get_search_path())


def forget_stored_config(group: str, name: str) -> None:
    """Removes a package's config from Hydra's store, if present, so that a file of the same name takes its place.

    Why: Hydra merges the two and warns about it. Replace: nothing, once Hydra no longer merges them.
    """
    store: Any = ConfigStore.instance().repo
    for part in group.split("/"):
        store = store.get(part, {})
    store.pop(f"{name}.yaml", None)


def hydra_context(loader: ConfigLoader, config: DictConfig) -> HydraContext:
    """Returns the context that sets up a Hydra launcher.

    Why: the class of its callbacks is private. Replace: a public way to create a launcher.
    """
    return HydraContext(config_loader=loader, callbacks=Callbacks(config))


@dataclass(frozen=True)
class Complaint:
    """A parsed error of Hydra or OmegaConf.

    Attributes:
        kind: `choice`: a group has no such choice; `word`: not key=value; `key`: no such setting or group; `sweep`:
            several values without -m; `no choice`: a group without a choice; `step`: a range with step 0; `other`.
        name: the group or key, or what was received.
        known: the group's choices.
        text: its message, on one line.
    """

    kind: str
    name: str = ""
    known: tuple[str, ...] = ()
    text: str = ""


def complaint_of(error: Exception) -> Complaint:
    """Parses an error raised while composing a config.

    Why: most of Hydra's errors state the problem only in their text. Replace: attributes of these errors.
    """
    text = str(error)
    plain = " ".join(text.split())
    if isinstance(error, MissingConfigException) and error.options is not None:
        return Complaint("choice", error.missing_cfg_file or "", tuple(sorted(error.options)), plain)
    if isinstance(error, OverrideParseException):
        return Complaint("word", str(error.override), text=plain)
    for pattern in (
        r"Could not (?:override|delete from config\.|delete) '([^'=]*)",
        r"config group '([^']*)' does not exist",
        r"Key '[^']*' is not in struct\s+full_key: (\S+)",
    ):
        if found := re.search(pattern, text):
            return Complaint("key", found[1], text=plain)
    if "requires --multirun" in text or "add --multirun" in text:
        found = re.search(r"'([^']*)'", text.splitlines()[-1]) or re.search(r"'([^']*)'", text)
        return Complaint("sweep", found[1] if found else "", text=plain)
    if "Config group override" in text:
        return Complaint("no choice", text=plain)
    if text.startswith("Invalid defaults list"):
        return Complaint("defaults", text=plain)
    if "range() arg 3" in text:  # Python's, from Hydra's range
        return Complaint("step", text=plain)
    cause = error.__cause__
    if isinstance(error, ConfigCompositionException) and isinstance(cause, OmegaConfBaseException):
        if "Cannot merge" in str(cause) and cause.full_key:
            return Complaint("key", str(cause.full_key), text=plain)
        text = f"{text or 'The config cannot be composed'}: {cause.msg or cause}"
    return Complaint("other", text=" ".join(text.split()))


# --- Python ----------------------------------------------------------------------------------------------------------


def zip_table(handle: IO[bytes]) -> tuple[int, int] | None:
    """Returns the number of entries in a zip file and the size of its central directory; None if its end is missing.

    Why: `zipfile` takes a gigabyte to read a directory of a million entries, so its size is checked first. Replace: a
    limit in `zipfile`.
    """
    end = inner(zipfile, "_EndRecData", "Python")(handle)
    return None if end is None else (int(end[4]), int(end[5]))


def is_frozen(settings: type) -> bool:
    """Returns whether a dataclass is frozen. Why: there is no public way. Replace: a future `dataclasses.is_frozen`."""
    return bool(settings.__dataclass_params__.frozen)  # type: ignore[attr-defined]


def is_being_spawned() -> bool:
    """Returns whether this is a spawned process that is importing the main module before its work begins.

    Why: `multiprocessing` refuses to start processes there, but has no public way to check. Replace: a future public
    function in `multiprocessing.spawn`.
    """
    return bool(getattr(multiprocessing.current_process(), "_inheriting", False))
