"""Verdicts: one per file, and all of them as columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.data.images.file_identity import FIELDS, Identity

TOO_LARGE = "too large"
"""The reason for images with more pixels than allowed, which are not decoded."""

NO_HASH = 0
"""The perceptual hash of files that have none: undecodable ones, and images of a single colour."""


@dataclass
class Verdict:
    """The verdict on one file. Not frozen: inspection computes the fingerprints of many files at once, and adds them.

    Attributes:
        reason: why it is unusable, or `""`.
        note: oddities of a usable file: `named .jpg, is PNG`, `CMYK`, `EXIF orientation 6`, ...
        width, height: pixels, upright; 0 if unknown.
        size: bytes.
        sha256: hexadecimal digest of the bytes, `""` for a file that cannot be read.
        kind: the format, `JPEG`; `""` if unknown.
        mode: Pillow's name of the pixel layout, `RGB`; `""` if unknown.
        jfif: position of `JFIF` in the first 4,096 bytes, -1 if absent.
        perceptual: 64-bit perceptual hash as int64; `NO_HASH` if there is none.
        mean, std: of red, green and blue, 0..255, of the 32 x 32 thumbnail.
        identity: of the file when it was read.
        peak: the largest value of an image with more than 8 bits, otherwise 0.
        blank: whether all pixels have the same colour, within a few levels.
        border: mean red, green and blue, 0..255, of the outer tenth of the thumbnail.
        quality: of a JPEG, 1..100 as libjpeg counts it, from its tables; 0 if there are none.
    """

    reason: str
    note: str
    width: int
    height: int
    size: int
    sha256: str
    kind: str = ""
    mode: str = ""
    jfif: int = -1
    perceptual: int = NO_HASH
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (0.0, 0.0, 0.0)
    identity: Identity = field(default=(0, 0, 0, 0), compare=False)
    peak: float = 0.0
    blank: bool = False
    border: tuple[float, float, float] = (0.0, 0.0, 0.0)
    quality: int = 0


@dataclass(frozen=True)
class Verdicts:
    """The verdicts of a listing as columns named as in `Verdict`.

    Strings [n]; int32 [n] for `width`, `height`, `jfif`, `quality`; int64 [n] for `size`, `perceptual`; float32 [n, 3]
    for `mean`, `std`, `border`; int64 [n, 4] for `identity`; float64 for `peak`; bool for `blank`. In addition:

    trouble: why they are not saved for the next run, or `""`.
    white_levels: by mode of Pillow, the white level of images with more than 8 bits whose type does not determine it.
    """

    reason: NDArray[np.str_]
    note: NDArray[np.str_]
    width: NDArray[np.int32]
    height: NDArray[np.int32]
    size: NDArray[np.int64]
    sha256: NDArray[np.str_]
    kind: NDArray[np.str_]
    mode: NDArray[np.str_]
    jfif: NDArray[np.int32]
    perceptual: NDArray[np.int64]
    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    identity: NDArray[np.int64]
    peak: NDArray[np.float64]
    blank: NDArray[np.bool_]
    border: NDArray[np.float32]
    quality: NDArray[np.int32]
    trouble: str = ""
    white_levels: Mapping[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.width)

    def rows(self, rows: NDArray[np.intp]) -> "Verdicts":
        """The verdicts of some files."""
        chosen: dict[str, Any] = {column.name: getattr(self, column.name)[rows] for column in fields(Verdict)}
        return replace(self, **chosen)


RECORD = np.dtype(
    [
        ("identity", "<i8", len(FIELDS)),
        ("peak", "<f8"),
        ("size", "<i8"),
        ("perceptual", "<i8"),
        ("width", "<i4"),
        ("height", "<i4"),
        ("jfif", "<i4"),
        ("mean", "<f4", 3),
        ("std", "<f4", 3),
        ("border", "<f4", 3),
        ("quality", "u1"),
        ("blank", "u1"),
        ("too_large", "u1"),  # 1 if that is the reason
        ("sha256", "u1", 32),  # zeros if there is none
    ]
)
"""The fixed part of a packed verdict, followed by reason, note, kind and mode as UTF-8, separated by NUL."""

_TEXT = np.dtypes.StringDType()
_AT_ONCE = 4096


def packed(verdicts: Sequence[Verdict]) -> list[bytes]:
    """Verdicts in the form in which the store saves them."""
    records = np.zeros(len(verdicts), dtype=RECORD)
    for name in (
        "identity",
        "peak",
        "blank",
        "size",
        "perceptual",
        "width",
        "height",
        "jfif",
        "mean",
        "std",
        "border",
        "quality",
    ):
        if len(verdicts):
            records[name] = [getattr(verdict, name) for verdict in verdicts]
    records["too_large"] = [verdict.reason == TOO_LARGE for verdict in verdicts]
    digests = b"".join(bytes.fromhex(verdict.sha256) or bytes(32) for verdict in verdicts)
    records["sha256"] = np.frombuffer(digests, dtype=np.uint8).reshape(-1, 32)
    said = ["\0".join((v.reason, v.note, v.kind, v.mode)).encode() for v in verdicts]
    return [record.tobytes() + text for record, text in zip(records, said, strict=True)]


def records_of(rows: Sequence[bytes]) -> NDArray[np.void]:
    """The fixed parts of packed verdicts, `RECORD` [n]."""
    records = np.empty(len(rows), dtype=RECORD)
    for start in range(0, len(rows), _AT_ONCE):
        part = [row[: RECORD.itemsize] for row in rows[start : start + _AT_ONCE]]
        records[start : start + _AT_ONCE] = np.frombuffer(b"".join(part), dtype=RECORD)
    return records


def columns(rows: Sequence[bytes]) -> Verdicts:
    """Converts packed verdicts into columns."""
    records = records_of(rows)
    numbers: dict[bytes, int] = {}  # there are few different texts
    which = [numbers.setdefault(row[RECORD.itemsize :], len(numbers)) for row in rows]
    reason, note, kind, mode = _decoded_texts(list(numbers), np.array(which, dtype=np.intp))
    return Verdicts(
        reason=reason,
        note=note,
        width=records["width"].astype(np.int32),
        height=records["height"].astype(np.int32),
        size=records["size"].astype(np.int64),
        sha256=_hexadecimal(records["sha256"]),
        kind=kind,
        mode=mode,
        jfif=records["jfif"].astype(np.int32),
        perceptual=records["perceptual"].astype(np.int64),
        mean=records["mean"].astype(np.float32),
        std=records["std"].astype(np.float32),
        identity=records["identity"].astype(np.int64),
        peak=records["peak"].astype(np.float64),
        blank=records["blank"].astype(np.bool_),
        border=records["border"].astype(np.float32),
        quality=records["quality"].astype(np.int32),
    )


def _decoded_texts(texts: list[bytes], which: NDArray[np.intp]) -> list[NDArray[np.str_]]:
    """Reason, note, kind and mode, strings [n] each; `which` [n] is an index into `texts`."""
    parts = zip(*(text.decode().split("\0") for text in texts), strict=True) if texts else ((),) * 4
    return [np.array(part, dtype=_TEXT)[which] for part in parts]


def _hexadecimal(digests: NDArray[np.uint8]) -> NDArray[np.str_]:
    """Digests, uint8 [n, 32], as strings [n]; `""` for zeros."""
    strings: NDArray[np.str_] = np.empty(len(digests), dtype=_TEXT)
    for start in range(0, len(digests), _AT_ONCE):  # all at once would take several copies of them all
        part = digests[start : start + _AT_ONCE]
        strings[start : start + _AT_ONCE] = np.frombuffer(part.tobytes().hex().encode(), dtype="S64")
    strings[~digests.any(axis=1)] = ""
    return strings
