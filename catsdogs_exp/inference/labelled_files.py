"""Files labelled with a network's class names: from a run's split, or from a folder."""

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from catsdogs_exp.data.sources.alike import as_known
from catsdogs_exp.data.sources.folder import ARCHIVES
from catsdogs_exp.data.sources.listing import Listing, list_images
from catsdogs_exp.data.sources.selection import Selection
from catsdogs_exp.data.sources.wording import some
from catsdogs_exp.errors import BadInput, did_you_mean, did_you_mean_path
from catsdogs_exp.natural_sort import natural_key
from catsdogs_exp.platforms import expanded
from catsdogs_exp.record.folder.run_files import RunFiles, data_root, split_files
from catsdogs_exp.training.checkpoint.card_file import read_card


@dataclass(frozen=True)
class LabelledFiles:
    """Files, each with its class.

    Attributes:
        root: their parent folder.
        files: files with the names of the network's classes.
        unknown: classes unknown to the network -> number of their files, which are left out.
        notes: what was skipped or decided in the folder, one line each.
    """

    root: Path
    files: tuple[tuple[Path, str], ...]
    unknown: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


_MOST_MAPPED = 4
_OTHERS = "--data PATH --split {split}; or evaluate other images: --data PATH"


def files_of_split(run: RunFiles, split: str, root: Path | None = None, elsewhere: str = _OTHERS) -> LabelledFiles:
    """The images of a run's split.

    Args:
        run: the run.
        split: `train`, `validation` or `test`.
        root: their current folder; None: the original one.
        elsewhere: what to type if they have moved; `""` if nothing helps.

    Raises:
        BadInput: for an unknown or empty split, or if none of its images exists or may be read.
    """
    before = data_root(run)
    files = split_files(run, split)
    check_known(run, (name for _, name in files))
    if root is not None:
        root = _existing(root)
        files = [
            (root / path.relative_to(before) if path.is_relative_to(before) else path, name) for path, name in files
        ]
    try:
        found = any(path.exists() for path, _ in files)
    except OSError as error:
        raise BadInput(f"The data of the run cannot be read: {error.strerror}: {error.filename}") from error
    if not found:
        first = files[0][0]
        if root is not None:
            raise BadInput(f"--data contains none of the {len(files)} {split} images of the run, such as {first}")
        hint = f". Name its current location: {elsewhere.format(split=split)}" if elsewhere else ""
        raise BadInput(
            f"The data of the run is no longer at {before}: none of its {len(files)} {split} images is there{hint}"
        )
    return LabelledFiles(root or before, tuple(files))


def check_known(run: RunFiles, names: Iterable[str]) -> None:
    """Rejects class names in a run's manifest that its network does not have.

    Raises:
        BadInput: naming them.
    """
    known = read_card(run.network).classes
    unknown = sorted(set(names).difference(known), key=natural_key)
    if unknown:
        raise BadInput(
            f"The run's manifest has classes that its network does not know: {some(unknown, 8)}. The network's: "
            f"{some(known, 8)}. Does {run.folder / 'manifest.csv'} belong to another run?"
        )


def path_within(root: Path, path: Path) -> str:
    """Returns a file's path relative to a folder, with `/`; the whole path of a file elsewhere."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def files_of_folder(
    folder: Path, classes: Sequence[str], renamed: Mapping[str, str] | None = None, leave_out_unknown: bool = False
) -> LabelledFiles:
    """The images of a folder with one folder per class, for any number of classes; from all splits it contains.

    Args:
        folder: the folder.
        classes: of the network.
        renamed: the folder's class names -> the network's; the others have equal names.
        leave_out_unknown: whether to leave out classes unknown to the network instead of raising an error.

    Raises:
        BadInput: if it contains none of the classes, or others.
    """
    listing = _listed(_existing(folder))
    renamed = {as_known(name, listing.classes): ours for name, ours in (renamed or {}).items()}
    for name in renamed:
        if name not in listing.classes:
            raise BadInput(
                f"--classes names a class that is not in {folder}: {name}.{did_you_mean(name, listing.classes)} "
                f"There: {some(listing.classes, 20)}"
            )
    called = [renamed.get(name, as_known(name, classes)) for name in listing.classes]
    every = [(listing.root / path, label) for path, label in zip(listing.paths, listing.labels.tolist(), strict=True)]
    unknown = Counter(listing.classes[label] for _, label in every if called[label] not in classes)
    if unknown and not leave_out_unknown:
        raise BadInput(
            f"--data must contain the network's classes: {', '.join(classes)}. Received also: {', '.join(unknown)}. "
            f"Leave them out with --skip-unknown-classes, or map them with --classes {_mapping(unknown, classes)}"
        )
    known = tuple((path, called[label]) for path, label in every if called[label] in classes)
    if not known:
        raise BadInput(
            f"--data must contain some of the network's classes: {', '.join(classes)}. "
            f"Received: {some(listing.classes, 20)}. Map them: --classes {_mapping(listing.classes, classes)}"
        )
    notes = (*(f"skipped: {note}" for note in listing.notes), *listing.reading)
    return LabelledFiles(listing.root, known, unknown, notes)


def _listed(folder: Path) -> Listing:
    try:
        return list_images(folder, Selection(for_evaluation=True))
    except BadInput as error:
        text = str(error)
        if "dataset." not in text and "split." not in text:
            raise
        hint = "These settings are for training; here, name a folder with one folder per class: --data PATH"
        raise BadInput(f"{text.rstrip('.')}. {hint}") from error


def _mapping(theirs: Iterable[str], classes: Sequence[str]) -> str:
    """Returns a value for `--classes`: each name that is like one of the network's, or a name with the word CLASS."""
    known = {name.casefold(): name for name in reversed(classes)}
    names = list(theirs)
    near = {name: difflib.get_close_matches(name.casefold(), known, n=1, cutoff=0.6) for name in names}
    pairs = [f"{name}={known[found[0]]}" for name, found in near.items() if found] or [f"{names[0]}=CLASS"]
    return f"'{','.join(pairs[:_MOST_MAPPED])}'"


def _existing(folder: Path) -> Path:
    path = expanded(folder)
    if not path.is_dir():
        hint = ". Unpack it first" if path.is_file() and path.suffix.lower() in ARCHIVES else ""
        if not path.exists():
            hint = did_you_mean_path(folder)
        raise BadInput(f"--data must be a folder with one folder per class. Received: {folder}{hint}")
    return path.resolve()


def renamed_classes(texts: Sequence[str], classes: Sequence[str]) -> dict[str, str]:
    """Maps class names used elsewhere to the network's.

    Args:
        texts: `theirs=ours`, or several separated by commas.
        classes: of the network.

    Raises:
        BadInput: for a text without `=`, a class that the network does not have, or a name given twice.
    """
    found: dict[str, str] = {}
    for pair in (pair for text in texts for pair in _pairs(text)):
        theirs, sign, ours = pair.rpartition("=")
        if not sign or not theirs or not ours:
            raise BadInput(f"--classes must be THEIRS=OURS,... Received: --classes {pair}")
        ours = as_known(ours, classes)
        if ours not in classes:
            raise BadInput(
                f"--classes must give the network's classes: {', '.join(classes)}. Received: --classes {pair}."
                f"{did_you_mean(ours, classes)}"
            )
        if found.setdefault(theirs, ours) != ours:
            raise BadInput(f"--classes gives {theirs} two classes: {found[theirs]} and {ours}")
    return found


def _pairs(text: str) -> list[str]:
    """Splits a text at commas; names may contain commas: a part without `=` belongs to the one before it."""
    pairs: list[str] = []
    begun: list[str] = []
    for part in text.split(","):
        begun.append(part)
        if "=" in part:
            pairs.append(",".join(begun))
            begun = []
    return [*pairs, ",".join(begun)] if begun else pairs
