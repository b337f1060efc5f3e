"""Reads the tensors of a PyTorch checkpoint, without PyTorch and without `pickle`.

A pickle is a program for a small stack machine, and what makes it dangerous is that the machine of Python may call
anything. The machine here knows only the instructions with which `torch.save` wrote a dictionary of tensors. Names
of Python objects are kept as names: nothing is imported, looked up, called or set, so nothing in the file can run.
Sizes are checked against the file before memory is spent on them.

The format is the one before PyTorch 1.6 (`torch.serialization._legacy_save`): five pickles (a magic number, the
version, the machine, the dictionary, the storages' keys), then of each storage its count as int64, and its bytes.
"""

import math
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.errors import BadInput

MAX_BYTES = 256 * 2**20
_MAX_STEPS = 1_000_000  # of one pickle; a tensor takes about 30
_MAX_TEXT = 4096  # bytes
_MAX_DIMENSIONS = 8
_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001
_ZIP = b"PK\x03\x04"
_DICTIONARY = "collections OrderedDict"
_TENSOR = "torch._utils _rebuild_tensor_v2"
_STORAGES: dict[str, np.dtype[Any]] = {"torch FloatStorage": np.dtype("<f4"), "torch LongStorage": np.dtype("<i8")}


class _Refused(Exception):
    """What is wrong with the file."""


class _Name(NamedTuple):
    """A Python object that the file mentions. Only its name is ever known here."""

    text: str


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype[Any]
    size: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int  # in elements, as the strides are
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_checkpoint(path: Path) -> dict[str, NDArray[Any]]:
    """Reads a dictionary of float32 and int64 tensors.

    Args:
        path: a file that `torch.save(model.state_dict(), path)` wrote, up to PyTorch 1.5.

    Returns:
        Arrays by name, in the file's order; read-only views of its bytes.

    Raises:
        BadInput: for anything else, with the reason.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_BYTES:
                raise _Refused(f"larger than {MAX_BYTES >> 20} MB")
            data = file.read(size)
        return _tensors(data)
    except OSError as error:
        raise BadInput(f"The checkpoint cannot be read: {error.strerror}: {path}.") from error
    except _Refused as error:
        raise BadInput(f"Not a PyTorch checkpoint that can be read here: {error}: {path}.") from error


def _tensors(data: bytes) -> dict[str, NDArray[Any]]:
    if data.startswith(_ZIP):
        raise _Refused("written by PyTorch 1.6 or later, as a zip archive")
    source = _Source(data)
    if _Machine(source).run() != _MAGIC or _Machine(source).run() != _VERSION:
        raise _Refused("it does not begin as one")
    system, found, keys = (_Machine(source).run() for _ in range(3))
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise _Refused("not written on a little-endian machine")
    if not isinstance(found, dict) or not all(isinstance(each, _Tensor) for each in found.values()):
        raise _Refused("not a dictionary of tensors")
    storages = {tensor.storage.key: tensor.storage for tensor in found.values()}
    if any(tensor.storage != storages[tensor.storage.key] for tensor in found.values()):
        raise _Refused("one storage is described in two ways")
    places = _places(source, keys, storages)
    return {name: _view(data, tensor, places[tensor.storage.key]) for name, tensor in found.items()}


def _places(source: "_Source", keys: object, storages: dict[str, _Storage]) -> dict[str, int]:
    """Where in the file each storage's bytes begin."""
    if not isinstance(keys, list) or not all(type(key) is str for key in keys) or sorted(keys) != sorted(storages):
        raise _Refused("the list of its storages does not match its tensors")
    places = {}
    for key in keys:
        storage = storages[key]
        if source.number("<q") != storage.size:
            raise _Refused("a storage has another size than its tensors say")
        places[key] = source.place
        source.take(storage.size * storage.dtype.itemsize)
    if source.place != len(source.data):
        raise _Refused("there are bytes behind its end")
    return places


def _view(data: bytes, tensor: _Tensor, place: int) -> NDArray[Any]:
    dtype = tensor.storage.dtype
    return np.ndarray(
        tensor.shape,
        dtype,
        buffer=data,
        offset=place + tensor.offset * dtype.itemsize,
        strides=tuple(stride * dtype.itemsize for stride in tensor.strides),
    )


class _Source:
    """The file's bytes, read from front to back."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.place:
            raise _Refused("truncated")
        self.place += count
        return self.data[self.place - count : self.place]

    def number(self, kind: str) -> int:
        (value,) = struct.unpack(kind, self.take(struct.calcsize(kind)))
        return int(value)

    def text(self, count: int) -> str:
        if count > _MAX_TEXT:
            raise _Refused(f"a text of {count} bytes")
        try:
            return self.take(count).decode()
        except UnicodeDecodeError:
            raise _Refused("a text that is not UTF-8") from None

    def line(self) -> str:
        end = self.data.find(b"\n", self.place, self.place + _MAX_TEXT)
        if end < 0:
            raise _Refused("a name without an end")
        text = self.text(end - self.place)
        self.place += 1
        return text


class _Machine:
    """Runs one pickle. Values are None, bool, int, str, tuple, list, dict and the three classes above."""

    def __init__(self, source: _Source) -> None:
        self.source = source
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """Returns what the pickle holds; the source then stands behind it."""
        for _ in range(_MAX_STEPS):
            code = self.source.take(1)
            if code == b".":
                value = self.pop()
                if self.stack or self.marks:
                    raise _Refused("a pickle that leaves something behind")
                return value
            if code not in _INSTRUCTIONS:
                raise _Refused(f"an instruction that no dictionary of tensors needs ({code!r})")
            _INSTRUCTIONS[code](self)
        raise _Refused(f"more than {_MAX_STEPS} instructions")

    def pop(self) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise _Refused("an instruction without its operand")
        return self.stack.pop()

    def pop_many(self, count: int) -> tuple[Any, ...]:
        return tuple(self.pop() for _ in range(count))[::-1]

    def pop_to_mark(self) -> list[Any]:
        if not self.marks:
            raise _Refused("an instruction without its operand")
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def top(self, kind: type) -> Any:
        """The container on top of the stack, which stays there."""
        value = self.pop()
        if type(value) is not kind:
            raise _Refused(f"a {kind.__name__} was expected")
        self.stack.append(value)
        return value

    def protocol(self) -> None:
        if self.source.number("B") != 2:
            raise _Refused("not of pickle's protocol 2")

    def long(self) -> None:
        self.push(int.from_bytes(self.source.take(self.source.number("B")), "little", signed=True))

    def remember(self, index: int) -> None:
        value = self.pop()
        self.push(value)
        self.memo[index] = value

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise _Refused("a reference to nothing")
        self.push(self.memo[index])

    def name(self) -> None:
        text = f"{self.source.line()} {self.source.line()}"
        if text not in (_DICTIONARY, _TENSOR, *_STORAGES):
            raise _Refused(f"it asks for {text[:80]!r}, which is no part of a dictionary of tensors")
        self.push(_Name(text))

    def set_items(self, items: list[Any]) -> None:
        found = self.top(dict)
        if len(items) % 2 or not all(type(key) is str for key in items[::2]):
            raise _Refused("a dictionary's key that is no text")
        found.update(zip(items[::2], items[1::2], strict=True))

    def append(self, items: list[Any]) -> None:
        self.top(list).extend(items)

    def reduce(self) -> None:
        """Python's machine calls a function here; this one knows the two that matter by name."""
        name, arguments = self.pop_many(2)
        called = name.text if type(name) is _Name else ""
        if called == _DICTIONARY and arguments == ():
            self.push({})
        elif called == _TENSOR and type(arguments) is tuple:
            self.push(_tensor(arguments))
        else:
            raise _Refused("it calls something other than what makes a tensor or a dictionary")

    def build(self) -> None:
        """Python's machine sets attributes here; those of a dictionary of tensors are versions, not needed."""
        if type(self.pop()) is not dict:
            raise _Refused("a dict was expected")
        self.top(dict)

    def storage(self) -> None:
        self.push(_storage(self.pop()))


def _storage(fields: object) -> _Storage:
    """Of `("storage", FloatStorage, key, device, count, None)`."""
    if type(fields) is not tuple or len(fields) != 6:
        raise _Refused("a storage is described in another way")
    word, kind, key, device, count, view = fields
    if word != "storage" or type(key) is not str or type(device) is not str or view is not None:
        raise _Refused("a storage is described in another way")
    if type(kind) is not _Name or kind.text not in _STORAGES:
        raise _Refused("a storage of neither float32 nor int64")
    if type(count) is not int or not 0 <= count <= MAX_BYTES:
        raise _Refused("a storage of an impossible size")
    return _Storage(key, _STORAGES[kind.text], count)


def _tensor(arguments: tuple[Any, ...]) -> _Tensor:
    """Of `(storage, offset, shape, strides, requires_grad, hooks)`; the last two do not matter."""
    if len(arguments) != 6 or type(arguments[0]) is not _Storage:
        raise _Refused("a tensor is described in another way")
    storage, offset, shape, strides = arguments[:4]
    if not _is_counts((offset,)) or not _is_counts(shape) or not _is_counts(strides) or len(shape) != len(strides):
        raise _Refused("a tensor of an impossible shape")
    # Never more elements than the storage has, as strides of 0 would allow.
    last = offset + sum((count - 1) * stride for count, stride in zip(shape, strides, strict=True))
    if math.prod(shape) > storage.size or (0 not in shape and last >= storage.size) or offset > storage.size:
        raise _Refused("a tensor reaches outside its storage")
    return _Tensor(storage, offset, shape, strides)


def _is_counts(values: object) -> bool:
    return (
        type(values) is tuple
        and len(values) <= _MAX_DIMENSIONS
        and all(type(value) is int and 0 <= value <= MAX_BYTES for value in values)
    )


_INSTRUCTIONS: dict[bytes, Callable[[_Machine], None]] = {
    b"\x80": _Machine.protocol,
    b"N": lambda machine: machine.push(None),
    b"\x88": lambda machine: machine.push(True),
    b"\x89": lambda machine: machine.push(False),
    b"K": lambda machine: machine.push(machine.source.number("B")),
    b"M": lambda machine: machine.push(machine.source.number("<H")),
    b"J": lambda machine: machine.push(machine.source.number("<i")),
    b"\x8a": _Machine.long,
    b"X": lambda machine: machine.push(machine.source.text(machine.source.number("<I"))),
    b"(": lambda machine: machine.marks.append(len(machine.stack)),
    b")": lambda machine: machine.push(()),
    b"\x85": lambda machine: machine.push(machine.pop_many(1)),
    b"\x86": lambda machine: machine.push(machine.pop_many(2)),
    b"\x87": lambda machine: machine.push(machine.pop_many(3)),
    b"t": lambda machine: machine.push(tuple(machine.pop_to_mark())),
    b"]": lambda machine: machine.push([]),
    b"a": lambda machine: machine.append([machine.pop()]),
    b"e": lambda machine: machine.append(machine.pop_to_mark()),
    b"}": lambda machine: machine.push({}),
    b"s": lambda machine: machine.set_items(list(machine.pop_many(2))),
    b"u": lambda machine: machine.set_items(machine.pop_to_mark()),
    b"q": lambda machine: machine.remember(machine.source.number("B")),
    b"r": lambda machine: machine.remember(machine.source.number("<I")),
    b"h": lambda machine: machine.recall(machine.source.number("B")),
    b"j": lambda machine: machine.recall(machine.source.number("<I")),
    b"c": _Machine.name,
    b"R": _Machine.reduce,
    b"b": _Machine.build,
    b"Q": _Machine.storage,
}
