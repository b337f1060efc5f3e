"""The files that a resume needs, and restoring them to the moment of a snapshot."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catsdogs_exp.record.folder.append_only import cut_back, lengths
from catsdogs_exp.record.listeners.tensorboard.event_files import TensorBoard
from catsdogs_exp.training.checkpoint.snapshot_file import BEST, PREDICTIONS, Snapshot
from catsdogs_exp.training.checkpoint.writer import replace_by


class RunState:
    """The files of a run that a snapshot refers to.

    Attributes:
        tensorboard: the folder of its event files.
        best: the best epoch's network.
        predictions: its predictions for the validation and test images.
        last: the folder of its snapshots.
    """

    def __init__(self, folder: Path) -> None:
        self.tensorboard = folder / "tensorboard"
        self.best = folder / "checkpoints" / "best.keras"
        self.predictions = folder / "predictions.csv"
        self.last = folder / "checkpoints" / "last"
        self.best.parent.mkdir(exist_ok=True)

    @property
    def of_best(self) -> dict[str, Path]:
        """Returns the files of the best epoch, by their suffix next to a snapshot."""
        return {BEST: self.best, PREDICTIONS: self.predictions}

    def record(self, board: TensorBoard | None) -> dict[str, Any]:
        """Returns what a snapshot must record about them: the lengths of the event files."""
        if board is None:
            return {}
        board.flush()
        return {"tensorboard": lengths(self.tensorboard)}

    def take_back(self, snapshot: Snapshot | None, event_lengths: Mapping[str, int]) -> None:
        """Restores the event files, the best network and its predictions to the snapshot's moment.

        Without a snapshot, to the beginning.

        Args:
            snapshot: from which the run continues, or None.
            event_lengths: `event_lengths_at` this snapshot.
        """
        if self.tensorboard.exists():
            cut_back(self.tensorboard, event_lengths)
        if snapshot is None:
            self.predictions.unlink(missing_ok=True)
            return
        if best := snapshot.beside(BEST):
            replace_by(best, self.best)
        if said := snapshot.beside(PREDICTIONS):
            replace_by(said, self.predictions)
        else:  # from a better network found later, or a run started by an older version
            self.predictions.unlink(missing_ok=True)


def event_lengths_at(snapshot: Snapshot | None) -> dict[str, int]:
    """Returns the lengths of the event files at the snapshot's moment; without a snapshot, of none.

    Raises:
        BadInput: if the snapshot's record is invalid.
    """
    if snapshot is None:
        return {}
    record = snapshot.state.get("record", {})
    found = record.get("tensorboard", {}) if isinstance(record, dict) else None
    if not isinstance(found, dict) or not all(isinstance(length, int) and length >= 0 for length in found.values()):
        raise snapshot.refused(f"record must not be {record!r:.80}")
    return found
