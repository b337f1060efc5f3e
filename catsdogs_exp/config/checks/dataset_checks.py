"""Checks the settings of a source without accessing the disk."""

import re

from catsdogs_exp.config.patterns import Pattern
from catsdogs_exp.config.schema.datasets import (
    CsvDataset,
    Dataset,
    Download,
    ImageFiles,
    KaggleDataset,
    PixelCsvDataset,
    TfdsDataset,
    several,
)
from catsdogs_exp.errors import BadInput

_HANDLE = re.compile(r"[\w-]+/[\w.-]+(/versions/[0-9]+)?", re.ASCII)
_BUILDER = re.compile(r"[\w]+(/[\w.-]+)?(:[\w.*]+)?", re.ASCII)
_REQUIRED = {  # source -> its required key, and what that key names
    "folder": ("path", "the folder of images"),
    "archive": ("path", "the archive of images"),
    "csv": ("path", "the table of files and classes"),
    "pixel_csv": ("path", "the table of pixels"),
    "kaggle": ("handle", "the data set, OWNER/NAME"),
    "tfds": ("builder", "the tensorflow-datasets data set"),
}


def check_dataset(dataset: Dataset) -> None:
    """Rejects a source without a path, an invalid pattern, and a malformed handle or checksum.

    Raises:
        BadInput: for an invalid setting; names it, the allowed values and the received one.
    """
    if dataset.name in _REQUIRED:
        key, what = _REQUIRED[dataset.name]
        if not all(several(getattr(dataset, key))) or not several(getattr(dataset, key)):
            raise BadInput(
                f"dataset.{key} must name {what}. Received: none. "
                f"Set it: dataset={dataset.name} dataset.{key}={'PATH' if key == 'path' else key.upper()}"
            )
    if isinstance(dataset, ImageFiles):
        if dataset.pattern is not None:
            compiled_pattern(dataset.pattern)
        for glob in several(dataset.include):
            if not glob.strip("/"):
                raise BadInput(f"dataset.include must be glob patterns such as '*.jpg'. Received: {glob!r}")
    if isinstance(dataset, CsvDataset | PixelCsvDataset) and dataset.label_column == "":
        raise BadInput("dataset.label_column must name a column. Received: ''")
    if isinstance(dataset, KaggleDataset) and not _HANDLE.fullmatch(dataset.handle or ""):
        raise BadInput(f"dataset.handle must be OWNER/NAME, as in the data set's URL. Received: {dataset.handle!r}")
    if isinstance(dataset, TfdsDataset) and not _BUILDER.fullmatch(dataset.builder or ""):
        raise BadInput(f"dataset.builder must be NAME, NAME/CONFIG or NAME:VERSION. Received: {dataset.builder!r}")
    for key in ("download", "train", "validation"):
        if (download := getattr(dataset, key, None)) is not None:
            _check_download(f"dataset.{key}", download)


def compiled_pattern(pattern: str) -> Pattern:
    """Compiles `dataset.pattern`.

    Raises:
        BadInput: for an invalid regular expression, or one without `(?P<class>...)`.
    """
    try:
        compiled = Pattern("dataset.pattern", pattern)
    except re.error as error:
        raise BadInput(f"dataset.pattern must be a regular expression: {error}. Received: {pattern!r}") from error
    if "class" not in compiled.groups:
        raise BadInput(
            f"dataset.pattern must have a group for the class, such as '(?P<class>[a-z]+)'. Received: {pattern!r}"
        )
    return compiled


def _check_download(name: str, download: Download) -> None:
    if not re.match(r"https?://[^/\s]+/\S*[^/\s]$", download.url):
        raise BadInput(f"{name}.url must be an http or https URL of a file. Received: {name}.url={download.url!r}")
    if download.sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", download.sha256):
        raise BadInput(
            f"{name}.sha256 must be 64 hexadecimal digits or null. Received: {name}.sha256={download.sha256!r}"
        )
