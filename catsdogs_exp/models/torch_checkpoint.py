"""Reads the tensors of a published PyTorch checkpoint, without PyTorch.

A pickle may call anything. So the file's SHA-256 must be the published one; its instructions are listed first, and only
those of a dictionary of tensors may run; and each Python object it names becomes a `_Name`, which only records what a
tensor consists of.

The format is the one before PyTorch 1.6 (`torch.serialization._legacy_save`): five pickles (a magic number, the
version, the machine, the dictionary, the storages' keys), then for each storage its count as int64, and its bytes.
"""

import hashlib
import io
import math
import pickle
import pickletools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.errors import BadInput

MAX_BYTES = 256 * 2**20
_MAX_INSTRUCTIONS = 100_000  # per pickle; a tensor takes about 30
_BEGINNING = [0x1950A86A20F9469CFC6C, 1001]
_DICTIONARY, _TENSOR = "collections OrderedDict", "torch._utils _rebuild_tensor_v2"
_DTYPES = {"torch FloatStorage": "<f4", "torch LongStorage": "<i8"}
_INSTRUCTIONS = {
    "PROTO", "STOP", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "MARK",
    "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM",
    "SETITEMS", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET", "GLOBAL", "REDUCE", "BUILD", "BINPERSID",
}  # fmt: skip
_OF_DAMAGE = (pickle.UnpicklingError, LookupError, ValueError, TypeError, AttributeError, EOFError, OverflowError)


class _Refused(Exception):
    """The problem with the file."""


def _expect(good: bool, else_it_is: str) -> None:
    if not good:
        raise _Refused(else_it_is)


class _Storage(NamedTuple):
    key: str
    dtype: str
    size: int  # in elements


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int  # in elements, like the strides
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Dictionary(dict[str, _Tensor]):
    def __setstate__(self, attributes: object) -> None:
        """PyTorch stores module versions here, which are not needed."""


class _Name(NamedTuple):
    """A Python object named in the file: immutable, because a pickle may set attributes."""

    text: str

    def __call__(self, *arguments: Any) -> _Dictionary | _Tensor:
        if self.text == _DICTIONARY and not arguments:
            return _Dictionary()
        _expect(self.text == _TENSOR, "it calls something other than what makes a tensor or a dictionary")
        storage, offset, shape, strides, _requires_grad, _hooks = arguments
        good = type(storage) is _Storage and type(shape) is tuple and _are_counts(offset, *shape, *strides)
        _expect(good, "a tensor has an unexpected description")
        # strides of 0 would allow more; NumPy checks the rest
        _expect(math.prod(shape) <= storage.size, "a tensor reaches outside its storage")
        return _Tensor(storage, offset, shape, strides)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> _Name:
        text = f"{module} {name}"
        known = text in (_DICTIONARY, _TENSOR, *_DTYPES)
        _expect(known, f"it asks for {text[:80]!r}, which is not part of a dictionary of tensors")
        return _Name(text)

    def persistent_load(self, fields: Any) -> _Storage:
        word, kind, key, _device, count, view = fields
        good = word == "storage" and type(key) is str and view is None and _are_counts(count)
        _expect(good, "a storage has an unexpected description")
        _expect(type(kind) is _Name and kind.text in _DTYPES, "a storage of neither float32 nor int64")
        return _Storage(key, _DTYPES[kind.text], count)


def _are_counts(*values: object) -> bool:
    return all(type(value) is int and 0 <= value <= MAX_BYTES for value in values)


def read_checkpoint(path: Path, sha256: str) -> dict[str, NDArray[Any]]:
    """Reads a dictionary of float32 and int64 tensors.

    Args:
        path: a file written by `torch.save(model.state_dict(), path)` up to PyTorch 1.5.
        sha256: of the published file, in hexadecimal.

    Returns:
        Arrays by name, in the file's order; read-only views of its bytes.

    Raises:
        BadInput: for any other file, with the reason.
    """
    try:
        _expect(path.stat().st_size <= MAX_BYTES, f"larger than {MAX_BYTES >> 20} MB")
        data = path.read_bytes()
        _expect(hashlib.sha256(data).hexdigest() == sha256, "its SHA-256 is not that of the published file")
        return _tensors(data)
    except OSError as error:
        raise BadInput(f"The checkpoint cannot be read: {error.strerror}: {path}.") from error
    except _Refused as error:
        raise BadInput(f"Not a supported PyTorch checkpoint: {error}: {path}.") from error


def _tensors(data: bytes) -> dict[str, NDArray[Any]]:
    _expect(not data.startswith(b"PK\x03\x04"), "written by PyTorch 1.6 or later, as a zip archive")
    file = io.BytesIO(data)
    _expect([_unpickled(file), _unpickled(file)] == _BEGINNING, "it does not begin as one")
    machine, found, keys = (_unpickled(file) for _ in range(3))
    little_endian = isinstance(machine, dict) and machine.get("little_endian") is True
    _expect(little_endian, "not written on a little-endian machine")
    good = type(found) is _Dictionary and all(type(key) is str for key in found)
    _expect(good and all(type(tensor) is _Tensor for tensor in found.values()), "not a dictionary of tensors")
    buffers = _buffers(data, file.tell(), keys, {tensor.storage for tensor in found.values()})
    try:
        return {name: _view(tensor, buffers[tensor.storage]) for name, tensor in found.items()}
    except (TypeError, ValueError) as error:  # NumPy's
        raise _Refused("a tensor reaches outside its storage") from error


def _unpickled(file: io.BytesIO) -> Any:
    """The next pickle of the file, after checking all its instructions."""
    start = file.tell()
    try:
        for number, (instruction, argument, _) in enumerate(pickletools.genops(file)):
            good = instruction.name in _INSTRUCTIONS and (instruction.name != "PROTO" or argument == 2)
            _expect(good, f"an instruction that no dictionary of tensors needs ({instruction.name})")
            _expect(number < _MAX_INSTRUCTIONS, f"more than {_MAX_INSTRUCTIONS} instructions")
            # Python allocates as much memo space as a high index requires
            _expect(instruction.name != "LONG_BINPUT" or int(argument or 0) <= number, "its memo is out of order")
        file.seek(start)
        return _Unpickler(file).load()
    except _OF_DAMAGE as error:
        raise _Refused("truncated, or with an instruction that no dictionary of tensors needs") from error


def _buffers(data: bytes, start: int, keys: object, storages: set[_Storage]) -> dict[_Storage, memoryview]:
    """The bytes of each storage; the first begins at `start`."""
    by_key = {storage.key: storage for storage in storages}
    _expect(len(by_key) == len(storages), "a storage has two descriptions")
    names = [key for key in keys if type(key) is str] if isinstance(keys, list) else []
    _expect(keys == names and sorted(names) == sorted(by_key), "the list of its storages does not match its tensors")
    found, rest = {}, memoryview(data)[start:]
    for storage in map(by_key.__getitem__, names):
        end = 8 + storage.size * np.dtype(storage.dtype).itemsize
        _expect(len(rest) >= end, "truncated")
        _expect(int.from_bytes(rest[:8], "little") == storage.size, "a storage's size does not match its tensors")
        found[storage], rest = rest[8:end], rest[end:]
    _expect(not rest, "there are bytes after its end")
    return found


def _view(tensor: _Tensor, buffer: memoryview) -> NDArray[Any]:
    dtype = np.dtype(tensor.storage.dtype)
    strides = tuple(stride * dtype.itemsize for stride in tensor.strides)
    return np.ndarray(tensor.shape, dtype, buffer, tensor.offset * dtype.itemsize, strides)
