"""The files that a resume needs, and how they are cut back to the moment of a snapshot."""

from pathlib import Path
from typing import Any

from catsdogs_exp.record.folder.append_only import cut_back, lengths
from catsdogs_exp.record.listeners.tensorboard import TensorBoard
from catsdogs_exp.training.checkpoint.snapshot_file import BEST, PREDICTIONS, Snapshot
from catsdogs_exp.training.checkpoint.writer import replace_by


class RunState:
    """The files of a run that a snapshot knows of.

    Attributes:
        tensorboard: the folder of its event files.
        best: the best epoch's network.
        predictions: what it says of the validation and test images.
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
        """The files of the best epoch, by what they are called beside a snapshot."""
        return {BEST: self.best, PREDICTIONS: self.predictions}

    def record(self, board: TensorBoard | None) -> dict[str, Any]:
        """What a snapshot has to know of them: how long the event files are."""
        if board is None:
            return {}
        board.flush()
        return {"tensorboard": lengths(self.tensorboard)}

    def take_back(self, snapshot: Snapshot | None) -> None:
        """Takes the event files, the best network and what it says back to the snapshot's moment.

        Without a snapshot, to the beginning.

        Raises:
            BadInput: when the snapshot says of the files what `record` never does.
        """
        if self.tensorboard.exists():
            cut_back(self.tensorboard, _lengths_at(snapshot) if snapshot else {})
        if snapshot is None:
            self.predictions.unlink(missing_ok=True)
            return
        if best := snapshot.beside(BEST):
            replace_by(best, self.best)
        if said := snapshot.beside(PREDICTIONS):
            replace_by(said, self.predictions)
        else:  # of a better network to come, or of a run that an older version began
            self.predictions.unlink(missing_ok=True)


def _lengths_at(snapshot: Snapshot) -> dict[str, int]:
    """How long the event files were at the snapshot's moment."""
    record = snapshot.state.get("record", {})
    found = record.get("tensorboard", {}) if isinstance(record, dict) else None
    if not isinstance(found, dict) or not all(isinstance(length, int) and length >= 0 for length in found.values()):
        raise snapshot.refused(f"record must not be {record!r:.80}")
    return found
