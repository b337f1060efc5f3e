"""TIFFs whose channels are stored in planes: the same pixels as those of the usual order."""

import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from catsdogs_exp.data.images.decoding import Undecodable, decode, examine, pixels

HEIGHT, WIDTH = 16, 24
RAMP = np.linspace(0, 1, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
COLOURS = (RAMP, RAMP[::-1], RAMP[:, ::-1])


def scaled(values: Sequence[Any], bits: int, order: str) -> list[Any]:
    kind = np.dtype(f"u{bits // 8}").newbyteorder(order)
    return [np.rint(each * (2**bits - 1)).astype(kind) for each in values]


def tiff(planes: Sequence[Any], photometric: int, order: str = "<", packed: bool = False, extra: int = 0) -> bytes:
    """A TIFF with one strip for each plane."""
    bits, count = 8 * planes[0].itemsize, len(planes)
    strips = [zlib.compress(plane.tobytes()) if packed else plane.tobytes() for plane in planes]
    starts = [8 + sum(map(len, strips[:number])) for number in range(count)]
    shorts = {256: [WIDTH], 257: [HEIGHT], 258: [bits] * count, 259: [8 if packed else 1], 262: [photometric]}
    shorts |= {277: [count], 278: [HEIGHT], 284: [2]} | ({338: [2] * extra} if extra else {})
    tags = [(tag, "H", values) for tag, values in shorts.items()]
    tags += [(273, "I", starts), (279, "I", list(map(len, strips)))]
    table = 8 + sum(map(len, strips))
    entries, more = b"", b""
    for tag, kind, values in sorted(tags):
        value = struct.pack(f"{order}{len(values)}{kind}", *values)
        if len(value) > 4:
            more += value
            value = struct.pack(f"{order}I", table + 2 + 12 * len(tags) + 4 + len(more) - len(value))
        entries += struct.pack(f"{order}HHI", tag, {"H": 3, "I": 4}[kind], len(values)) + value.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", table)
    return head + b"".join(strips) + struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + more


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", ["colour", "transparent", "grey", "inverted"])
def test_planes_give_the_pixels_of_the_usual_order(kind: str, bits: int, order: str, packed: bool) -> None:
    opaque = np.ones((HEIGHT, WIDTH))
    values, photometric, extra = {
        "colour": (COLOURS, 2, 0),
        "transparent": ((*COLOURS, opaque), 2, 1),
        "grey": ((RAMP,), 1, 0),
        "inverted": ((1 - RAMP,), 0, 0),  # white is zero
    }[kind]
    if kind == "inverted" and (bits, order) == (16, ">"):
        pytest.skip("Pillow does not read these, in planes or not")
    data = tiff(scaled(values, bits, order), photometric, order, packed, extra)
    expected = 255 * np.stack(COLOURS if len(values) > 1 else [RAMP] * 3, axis=-1)
    for found in (np.asarray(decode(data)), pixels(data), np.asarray(examine(data, None, HEIGHT).small)):
        assert np.abs(found.astype(float) - expected).max() < 1


@pytest.mark.parametrize(
    ("values", "photometric", "extra", "what"),
    [
        ((*COLOURS, RAMP), 5, 0, "4 x 16-bit integers"),  # CMYK
        ((RAMP, RAMP), 1, 1, "2 x 8-bit integers"),  # grey with transparency
    ],
)
def test_planes_that_are_not_read_are_named(values: Any, photometric: int, extra: int, what: str) -> None:
    bits = 16 if "16" in what else 8
    with pytest.raises(Undecodable, match=f"^unsupported format: TIFF of {what}, in planes$"):
        decode(tiff(scaled(values, bits, "<"), photometric, extra=extra))
