"""Settings of the data sources: one dataclass per source, and what they share.

What sources share has neutral defaults here, as a folder is also opened without a config (`evaluate --data`) and
runs of earlier versions have configs without these keys; a test holds them equal to `conf/dataset/shared/`.
"""

from dataclasses import KW_ONLY, dataclass

from catsdogs_exp.config.schema.limits import NAMES, setting

Paths = str | tuple[str, ...]


@dataclass(frozen=True)
class Pictures:
    """What every source has."""

    name: str
    _: KW_ONLY
    channels: int = setting("of the pictures that the network sees: 3 colour, 1 grey", default=3, choices=(3, 1))
    fraction: float = setting("share of each class's training images, nested", default=1.0, above=0, at_most=1)
    max_per_class: int | None = setting(
        "the most training images per class; smaller subsets are part of larger ones", default=None, at_least=1
    )


@dataclass(frozen=True)
class LabelledPictures(Pictures):
    """What every source has that brings its own class names."""

    _: KW_ONLY
    classes: dict[str, str] | None = setting(
        "picked: [cat,dog]; or renamed and merged: {kitten: cat}", default=None, kind=NAMES
    )


@dataclass(frozen=True)
class PictureFiles(LabelledPictures):
    """What every source has that is a folder in the end."""

    _: KW_ONLY
    folder: str | None = setting("the folder inside that holds the images; null: all of it", default=None)
    include: Paths | None = setting("glob patterns of the files to take", default=None)
    symlinks: str = setting("links to files and folders", default="follow", choices=("follow", "skip"))
    pattern: str | None = setting("regular expression on file names with (?P<class>...)", default=None)


@dataclass(frozen=True)
class DrawnDataset(Pictures):
    """Cats and dogs drawn by the program itself."""

    images: int = setting("pictures in all classes together", at_least=4)
    classes: int = setting("cats, dogs, and further animals", at_least=2, at_most=360)
    seed: int = setting("a different seed gives different images", at_least=0)
    broken: float = setting("share of files broken on purpose", at_least=0, at_most=1)


@dataclass(frozen=True)
class FolderDataset(PictureFiles):
    """A folder with one folder of pictures a class, or train/ and validation/ with those inside; or several."""

    path: Paths | None = setting("the folder, or several: [a,b]")


@dataclass(frozen=True)
class ArchiveDataset(PictureFiles):
    """A zip or tar of such a folder, or several."""

    path: Paths | None = setting("the .zip, .tar, .tar.gz, .tar.bz2 or .tar.xz file, or several: [a,b]")
    encoding: str | None = setting("of names that are not UTF-8, such as shift_jis; null: guessed", default=None)


@dataclass(frozen=True)
class Download:
    """A file on a server."""

    url: str = setting("where it is fetched from")
    bytes: int | None = setting("its size, checked", at_least=1)
    sha256: str | None = setting("its checksum, checked")


@dataclass(frozen=True, kw_only=True)
class DownloadedDataset(PictureFiles):
    """A known set of pictures in one archive, downloaded once."""

    archive: Paths | None = setting("the archive, where it is here already")
    download: Download


@dataclass(frozen=True, kw_only=True)
class TwoDownloadsDataset(PictureFiles):
    """A known set of pictures in an archive for training and one for validation, downloaded once."""

    archive: Paths | None = setting("the two archives, where they are here already")
    train: Download
    validation: Download


DELIMITERS = ("auto", "comma", "semicolon", "tab", "pipe", "space")


@dataclass(frozen=True)
class Table(LabelledPictures):
    """What every source has that is a table."""

    _: KW_ONLY
    delimiter: str = setting("what parts the fields of a line", default="auto", choices=DELIMITERS)
    header: str = setting("whether it has column names", default="auto", choices=("auto", "first_line", "none"))
    encoding: str | None = setting("of a table that is not UTF-8, such as cp1252; null: guessed", default=None)


@dataclass(frozen=True)
class CsvDataset(Table):
    """A table of files and their classes."""

    path: str | None = setting("the table")
    path_column: str | None = setting("the column with the files; null: by its name")
    label_column: str | None = setting("the column with their classes; null: by its name")
    split_column: str | None = setting("the column with train, validation or test; null: by its name")
    root: str | None = setting("what the files' paths are relative to; null: the table's folder")
    outside: bool = setting("whether paths may lead out of root")
    suffix: str | None = setting("put behind each path, such as .jpg; null: guessed", default=None)
    missing: str = setting("of rows whose file is not there", default="error", choices=("error", "skip"))


@dataclass(frozen=True)
class PixelCsvDataset(Table):
    """Grey pictures written as numbers in a table, one a row."""

    path: str | None = setting("the table of the training pictures")
    validation_path: str | None = setting("the table of the validation pictures")
    test_path: str | None = setting("the table of the test pictures")
    label_column: str | None = setting("the column with the label; all others are pixels; null: by its name or place")
    width: int | None = setting("pixels; null: square", at_least=1, at_most=4096)
    height: int | None = setting("pixels; null: square", at_least=1, at_most=4096)
    split_column: str | None = setting("the column with train, validation or test; null: by its name", default=None)
    white: int | None = setting("what stands for white; null: guessed", default=None, choices=(1, 255))


@dataclass(frozen=True)
class KaggleDataset(PictureFiles):
    """A data set of kaggle.com."""

    handle: str | None = setting("OWNER/NAME, as in its address")


@dataclass(frozen=True)
class TfdsDataset(LabelledPictures):
    """An image-classification set of tensorflow-datasets."""

    builder: str | None = setting("its name there, such as beans or cats_vs_dogs:4.0.1")
    data_dir: str | None = setting("where tensorflow-datasets keeps its files; null: its own choice")


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
    """One path or several as a tuple."""
    return () if paths is None else (paths,) if isinstance(paths, str) else paths
