"""Finds the network that a user names: that of a run, or a file anywhere."""

from dataclasses import dataclass
from pathlib import Path

from catsdogs_exp.errors import BadInput
from catsdogs_exp.platforms import expanded, is_file
from catsdogs_exp.record.folder.run_files import RunFiles, find_run

_FORMS = {".keras": "keras", ".onnx": "onnx", ".tflite": "litert"}
_GRAPH = "saved_model.pb"


@dataclass(frozen=True)
class NetworkFile:
    """A trained network.

    Attributes:
        network: its file, or the folder of a SavedModel.
        run: the run it belongs to, or None for a file without a run.
        form: `keras`, or the format of an export: `savedmodel`, `litert`, `onnx`.
    """

    network: Path
    run: RunFiles | None
    form: str = "keras"

    @property
    def name(self) -> str:
        """Returns its name for messages: the run folder, or the file."""
        return str(self.network if self.run is None or self.is_exported else self.run.folder)

    @property
    def is_exported(self) -> bool:
        """Returns whether it is an exported file, which does not expose its layers."""
        return self.form != "keras"


def find_network(path: Path) -> NetworkFile:
    """Finds the network of a run folder, or a `best.keras` or exported file anywhere.

    Raises:
        BadInput: if there is none.
    """
    given = expanded(path)
    given = given.parent if given.name == _GRAPH else given
    if is_file(given / _GRAPH):
        return NetworkFile(given, _run_around(given), "savedmodel")
    if is_file(given):
        form = _FORMS.get(given.suffix.lower(), "")
        if form == "keras":
            run = _run_around(given)
            return NetworkFile(given, run if run is not None and given.absolute() == run.network else None)
        if form:
            return NetworkFile(given, _run_around(given), form)
        if given.suffix.lower() == ".html":
            raise BadInput(
                f"An exported page works only in a browser: open {given} there. For predict, name a run, a best.keras, "
                "or an export as savedmodel, .tflite or .onnx"
            )
    inside = sorted(each for each in given.glob("*") if each.suffix in _FORMS or is_file(each / _GRAPH))
    if inside and not is_file(given / "result.json"):
        raise BadInput(f"{given} is a folder of networks. Name one of them: {', '.join(map(str, inside[:8]))}")
    run = find_run(given)
    return NetworkFile(run.network, run)


def _run_around(file: Path) -> RunFiles | None:
    """Returns the run whose folder contains a file."""
    folder = file.absolute().parent.parent
    return RunFiles(folder) if is_file(folder / "result.json") else None
