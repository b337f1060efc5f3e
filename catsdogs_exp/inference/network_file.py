"""Finds the network that a user names: that of a run, or a file that has been moved anywhere."""

from dataclasses import dataclass
from pathlib import Path

from catsdogs_exp.record.folder.run_files import RunFiles, find_run


@dataclass(frozen=True)
class NetworkFile:
    """A trained network.

    Attributes:
        network: its file.
        run: the run that it belongs to, or None for a file on its own.
    """

    network: Path
    run: RunFiles | None

    @property
    def name(self) -> str:
        """What to call it in messages: the run's folder, or the file."""
        return str(self.network if self.run is None else self.run.folder)


def find_network(path: Path) -> NetworkFile:
    """The network of a run folder, or a `best.keras` wherever it is.

    Raises:
        BadInput: if there is neither.
    """
    given = path.expanduser()
    if given.is_file() and given.suffix == ".keras":
        folder = given.absolute().parent.parent
        of_run = given.absolute() == RunFiles(folder).network and (folder / "result.json").is_file()
        return NetworkFile(given, RunFiles(folder) if of_run else None)
    run = find_run(given)
    return NetworkFile(run.network, run)
