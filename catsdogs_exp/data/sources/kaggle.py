"""The source `kaggle`: a data set from kaggle.com, downloaded by kagglehub into its own cache."""

from pathlib import Path

from catsdogs_exp.config.schema.datasets import KaggleDataset
from catsdogs_exp.data.progress import ReportProgress
from catsdogs_exp.data.sources.extras import imported, installed
from catsdogs_exp.data.sources.listing import Listing, list_images
from catsdogs_exp.data.sources.selection import Selection
from catsdogs_exp.errors import BadInput, one_line


def kaggle_installed(dataset: KaggleDataset) -> None:
    """Raises an error if kagglehub is missing.

    Raises:
        BadInput: saying how to install it.
    """
    installed("kagglehub", "kagglehub", "kaggle")


def kaggle(dataset: KaggleDataset, progress: ReportProgress | None = None, folders: str = "auto") -> Listing:
    """The files of the data set `dataset.handle`, or of a folder inside it.

    Raises:
        BadInput: if it cannot be downloaded, or has no such folder.
    """
    kagglehub = imported("kagglehub", "kagglehub", "kaggle")
    try:
        root = Path(kagglehub.dataset_download(dataset.handle)).resolve()
    except Exception as error:  # kagglehub raises many kinds of errors: no network, no such data set, no permission
        raise BadInput(
            f"dataset.handle={dataset.handle} cannot be downloaded from Kaggle: {one_line(error)}. Private data sets "
            "need an account's key (KAGGLE_USERNAME and KAGGLE_KEY). Without a network: dataset=drawn"
        ) from error
    return list_images(root, Selection.of(dataset, folders))
