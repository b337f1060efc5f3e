"""Example pictures: some images of a run's validation split, if they still exist."""

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from catsdogs_exp.data.images.decoding import Undecodable
from catsdogs_exp.data.images.file_identity import read_file
from catsdogs_exp.data.images.preparing import Preparation, image_of
from catsdogs_exp.data.turns import taking_turns
from catsdogs_exp.errors import BadInput
from catsdogs_exp.platforms import is_file
from catsdogs_exp.record.folder.run_files import RunFiles, data_root, split_files

_SIDE = 112  # pixels of a thumbnail
_MOST = 12


@dataclass(frozen=True)
class Example:
    """An example.

    Attributes:
        path: path of the file.
        label: name of its class.
        thumbnail: a JPEG file's bytes.
    """

    path: Path
    label: str
    thumbnail: bytes

    def read(self) -> bytes:
        """Returns the file's bytes.

        Raises:
            OSError: if it can no longer be read.
        """
        return read_file(self.path)[0]


def examples_of(run: RunFiles) -> tuple[Example, ...]:
    """Selects a few validation images of a run, seeded, with alternating classes; none if the data has moved."""
    try:
        root, every = data_root(run), split_files(run, "validation")
    except BadInput:
        return ()
    inside = os.path.join(os.path.normpath(root), "")  # a manifest from another source may name any file
    files = [(path, name) for path, name in every if os.path.normpath(path).startswith(inside)]
    names = sorted({name for _, name in files})
    order = taking_turns(np.array([names.index(name) for _, name in files], np.int32))
    examples: list[Example] = []
    for row in order[: 2 * _MOST].tolist():
        path, name = files[row]
        if not is_file(path):  # reading a pipe would block
            continue
        try:
            examples.append(Example(path, name, _thumbnail(path)))
        except (Undecodable, OSError):
            continue
        if len(examples) == _MOST:
            break
    return tuple(examples)


def _thumbnail(path: Path) -> bytes:
    pixels = image_of(read_file(path)[0], Preparation((_SIDE, _SIDE), "crop"))
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", quality=85)
    return content.getvalue()
