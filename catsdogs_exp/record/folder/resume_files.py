"""The files that a resume needs, and how they are cut back to the moment of a snapshot."""

from pathlib import Path
from typing import Any

from catsdogs_exp.record.folder.append_only import cut_back, lengths
from catsdogs_exp.record.listeners.tensorboard import TensorBoard
from catsdogs_exp.training.checkpoint.snapshot_file import Snapshot
from catsdogs_exp.training.checkpoint.writer import best_of, replace_by


class RunState:
    """The files of a run that a snapshot knows of.

    Attributes:
        tensorboard: the folder of its event files.
        best: the best epoch's network.
        last: the folder of its snapshots.
    """

    def __init__(self, folder: Path) -> None:
        self.tensorboard = folder / "tensorboard"
        self.best = folder / "checkpoints" / "best.keras"
        self.last = folder / "checkpoints" / "last"
        self.best.parent.mkdir(exist_ok=True)

    def record(self, board: TensorBoard | None) -> dict[str, Any]:
        """What a snapshot has to know of them: how long the event files are."""
        if board is None:
            return {}
        board.flush()
        return {"tensorboard": lengths(self.tensorboard)}

    def take_back(self, snapshot: Snapshot | None) -> None:
        """Takes the event files and the best network back to the snapshot's moment; without one, to the beginning.

        Raises:
            BadInput: when the snapshot says of the files what `record` never does.
        """
        if self.tensorboard.exists():
            cut_back(self.tensorboard, _lengths_at(snapshot) if snapshot else {})
        if snapshot and (best := best_of(snapshot)):
            replace_by(best, self.best)


def _lengths_at(snapshot: Snapshot) -> dict[str, int]:
    """How long the event files were at the snapshot's moment."""
    record = snapshot.state.get("record", {})
    found = record.get("tensorboard", {}) if isinstance(record, dict) else None
    if not isinstance(found, dict) or not all(isinstance(length, int) and length >= 0 for length in found.values()):
        raise snapshot.refused(f"record must not be {record!r:.80}")
    return found
