"""Named data sets: archives on a server, downloaded and unpacked once, or local files."""

from dataclasses import replace
from pathlib import Path

from catsdogs_exp.config.schema.datasets import Download, DownloadedDataset, TwoDownloadsDataset, several
from catsdogs_exp.data.progress import ReportProgress
from catsdogs_exp.data.sources.archive import archive_file, list_unpacked, unpacked
from catsdogs_exp.data.sources.download import fetched, file_name
from catsdogs_exp.data.sources.listing import TRAIN, VALIDATION, Listing, list_images
from catsdogs_exp.data.sources.selection import Selection
from catsdogs_exp.data.sources.together import list_splits
from catsdogs_exp.errors import BadInput

_SPLITS = {"train": TRAIN, "validation": VALIDATION}


def given_archives(dataset: DownloadedDataset | TwoDownloadsDataset) -> dict[str, Path]:
    """The archives of `dataset.archive` by their keys (`download`, or `train` and `validation`); empty if not set.

    Two archives are identified by their names, otherwise by their order.

    Raises:
        BadInput: if one is missing, or there are too few or too many.
    """
    paths = [archive_file(path, "dataset.archive") for path in several(dataset.archive)]
    wanted = _downloads(dataset)
    if not paths:
        return {}
    if len(paths) != len(wanted):
        names = ",".join(file_name(download) for download in wanted.values())
        form = f"[{names}]" if len(wanted) > 1 else names
        raise BadInput(
            f"dataset.archive must name {len(wanted)} archive{'s' if len(wanted) > 1 else ''}: {form}. "
            f"Received {len(paths)}: {', '.join(map(str, paths))}"
        )
    by_name = {path.name: path for path in paths}
    if set(by_name) == {file_name(download) for download in wanted.values()}:
        return {key: by_name[file_name(download)] for key, download in wanted.items()}
    return dict(zip(wanted, paths, strict=True))


def known_set(
    dataset: DownloadedDataset | TwoDownloadsDataset, progress: ReportProgress | None = None, folders: str = "auto"
) -> Listing:
    """The files of such a data set.

    Raises:
        BadInput: if it cannot be downloaded or is damaged.
    """
    archives = given_archives(dataset) or {
        key: fetched(download, f"dataset.{key}", progress) for key, download in _downloads(dataset).items()
    }
    opened = {key: unpacked(path, progress) for key, path in archives.items()}
    unpacked_to = {key: each.folder for key, each in opened.items()}
    escaped = all(each.escaped for each in opened.values())
    selection = replace(Selection.of(dataset, folders), escaped=escaped)

    def files() -> Listing:
        if len(unpacked_to) == 1:
            return list_images(next(iter(unpacked_to.values())), selection)
        return list_splits(unpacked_to, _SPLITS, selection)

    return list_unpacked(list(opened.values()), files)


def _downloads(dataset: DownloadedDataset | TwoDownloadsDataset) -> dict[str, Download]:
    if isinstance(dataset, DownloadedDataset):
        return {"download": dataset.download}
    return {"train": dataset.train, "validation": dataset.validation}
