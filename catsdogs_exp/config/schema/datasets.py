"""Settings of the data sources: one dataclass per source, and their shared fields.

Shared fields have neutral defaults here, because folders can be opened without a config (`evaluate --data`) and configs
of older runs lack these keys. A test keeps them equal to `conf/dataset/shared/`.
"""

from dataclasses import KW_ONLY, dataclass

from catsdogs_exp.config.schema.limits import NAMES, setting

Paths = str | tuple[str, ...]


@dataclass(frozen=True)
class DatasetSettings:
    """Settings of every source."""

    name: str
    _: KW_ONLY
    channels: int = setting("channels of the network's input: 3 colour, 1 grey", default=3, choices=(3, 1))
    fraction: float = setting(
        "fraction of each class's training images; smaller subsets are contained in larger ones",
        default=1.0,
        above=0,
        at_most=1,
    )
    max_per_class: int | None = setting(
        "maximum number of training images per class; smaller subsets are contained in larger ones",
        default=None,
        at_least=1,
    )


@dataclass(frozen=True)
class LabelledDataset(DatasetSettings):
    """Settings of sources with their own class names."""

    _: KW_ONLY
    classes: dict[str, str] | None = setting(
        "select: [cat,dog]; rename and merge: {kitten: cat}", default=None, kind=NAMES
    )


@dataclass(frozen=True)
class ImageFiles(LabelledDataset):
    """Settings of sources that are, or become, a folder."""

    _: KW_ONLY
    folder: str | None = setting("subfolder that holds the images; null: the whole folder", default=None)
    include: Paths | None = setting("glob patterns of the files to use", default=None)
    symlinks: str = setting(
        "whether to follow links to files and folders", default="follow", choices=("follow", "skip")
    )
    pattern: str | None = setting("regular expression on file names with (?P<class>...)", default=None)


@dataclass(frozen=True)
class DrawnDataset(DatasetSettings):
    """Cats and dogs drawn by the program."""

    images: int = setting("total number of images", at_least=4)
    classes: int = setting("number of classes: cats, dogs, and further animals", at_least=2, at_most=360)
    seed: int = setting("seed of the images", at_least=0)
    broken: float = setting("fraction of files broken on purpose", at_least=0, at_most=1)


@dataclass(frozen=True)
class FolderDataset(ImageFiles):
    """A folder with one subfolder of images per class, or with train/ and validation/ folders of those; or several of
    them.
    """

    path: Paths | None = setting("the folder, or several: [a,b]")


@dataclass(frozen=True)
class ArchiveDataset(ImageFiles):
    """A zip or tar of such a folder, or several."""

    path: Paths | None = setting("the .zip, .tar, .tar.gz, .tar.bz2 or .tar.xz file, or several: [a,b]")
    encoding: str | None = setting("encoding of names that are not UTF-8, such as shift_jis; null: guess", default=None)


@dataclass(frozen=True)
class Download:
    """A file on a server."""

    url: str = setting("download URL")
    bytes: int | None = setting("expected size in bytes", at_least=1)
    sha256: str | None = setting("expected SHA-256")


@dataclass(frozen=True, kw_only=True)
class DownloadedDataset(ImageFiles):
    """A known data set in one archive, downloaded once."""

    archive: Paths | None = setting("path of the archive if already downloaded")
    download: Download


@dataclass(frozen=True, kw_only=True)
class TwoDownloadsDataset(ImageFiles):
    """A known data set in two archives, for training and validation, downloaded once."""

    archive: Paths | None = setting("paths of the two archives if already downloaded")
    train: Download
    validation: Download


DELIMITERS = ("auto", "comma", "semicolon", "tab", "pipe", "space")


@dataclass(frozen=True)
class Table(LabelledDataset):
    """Settings of sources that are a table."""

    _: KW_ONLY
    delimiter: str = setting("field delimiter", default="auto", choices=DELIMITERS)
    header: str = setting("whether the table has column names", default="auto", choices=("auto", "first_line", "none"))
    encoding: str | None = setting("encoding of a table that is not UTF-8, such as cp1252; null: guess", default=None)


@dataclass(frozen=True)
class CsvDataset(Table):
    """A table of files and their classes."""

    path: str | None = setting("the table")
    path_column: str | None = setting("column of files; null: find by name")
    label_column: str | None = setting("column of classes; null: find by name")
    split_column: str | None = setting("column with train, validation or test; null: find by name")
    root: str | None = setting("folder that paths are relative to; null: the table's folder")
    outside: bool = setting("whether paths may point outside root")
    suffix: str | None = setting("appended to each path, such as .jpg; null: guess", default=None)
    missing: str = setting("for rows whose file does not exist", default="error", choices=("error", "skip"))
    group_column: str | None = setting(
        "column of what must stay in one split, such as a patient; null: none", default=None
    )


@dataclass(frozen=True)
class PixelCsvDataset(Table):
    """Greyscale images written as numbers in a table, one per row."""

    path: str | None = setting("table of training images")
    validation_path: str | None = setting("table of validation images")
    test_path: str | None = setting("table of test images")
    label_column: str | None = setting("column of the label; all others are pixels; null: find by name or position")
    width: int | None = setting("pixels; null: square images", at_least=1, at_most=4096)
    height: int | None = setting("pixels; null: square images", at_least=1, at_most=4096)
    split_column: str | None = setting("column with train, validation or test; null: find by name", default=None)
    white: int | None = setting("value of white; null: guess", default=None, choices=(1, 255))


@dataclass(frozen=True)
class KaggleDataset(ImageFiles):
    """A data set from kaggle.com."""

    handle: str | None = setting("OWNER/NAME, as in its URL")


@dataclass(frozen=True)
class TfdsDataset(LabelledDataset):
    """An image classification data set from tensorflow-datasets."""

    builder: str | None = setting("name of the data set, such as beans or cats_vs_dogs:4.0.1")
    data_dir: str | None = setting("tensorflow-datasets' data folder; null: its default")


Dataset = (
    DrawnDataset
    | FolderDataset
    | ArchiveDataset
    | DownloadedDataset
    | TwoDownloadsDataset
    | CsvDataset
    | PixelCsvDataset
    | KaggleDataset
    | TfdsDataset
)
DATASETS: dict[str, type] = {
    "drawn": DrawnDataset,
    "folder": FolderDataset,
    "archive": ArchiveDataset,
    "cats_vs_dogs": DownloadedDataset,
    "cats_vs_dogs_filtered": DownloadedDataset,
    "horses_or_humans": TwoDownloadsDataset,
    "rock_paper_scissors": TwoDownloadsDataset,
    "csv": CsvDataset,
    "pixel_csv": PixelCsvDataset,
    "kaggle": KaggleDataset,
    "tfds": TfdsDataset,
}


def several(paths: Paths | None) -> tuple[str, ...]:
    """Returns one path or several as a tuple."""
    return () if paths is None else (paths,) if isinstance(paths, str) else paths
