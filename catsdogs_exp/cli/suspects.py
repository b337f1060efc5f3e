"""`python -m catsdogs_exp inspect --run RUN`: images whose labels a trained network disagrees with."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from catsdogs_exp.cli.arguments import Parser
from catsdogs_exp.cli.json_output import put_json
from catsdogs_exp.errors import BadInput

if TYPE_CHECKING:  # they come with TensorFlow
    from catsdogs_exp.inference.suspects import ScoredLabels
    from catsdogs_exp.record.folder.fold_runs import FoldRuns
    from catsdogs_exp.report.suspects_page import Suspect

_SHOWN = 20
_PICTURES = 200


def main(run_path: Path, flags: list[str]) -> int:
    """Ranks images by suspicion: a table, a page of pictures, and a column in the run's manifest.csv.

    Args:
        run_path: a run, or a sweep over the folds of a cross-validation.
        flags: `--json`, `--split S`.
    """
    options = _parser().read(flags)

    from catsdogs_exp.cli.screen import TerminalScreen, aside
    from catsdogs_exp.data.sources.listing import SPLITS
    from catsdogs_exp.record.folder.fold_runs import find_fold_runs

    if options.split is not None and options.split not in SPLITS:
        raise BadInput(f"--split must be one of {', '.join(SPLITS)}. Received: {options.split}")
    judges = find_fold_runs(run_path)
    if judges.out_of_fold and options.split == "train":
        raise BadInput(
            "--split must be validation or test for folds, because folds score every image unseen. Received: train. "
            f"Name one run instead, such as {judges.runs[0].folder}"
        )
    from catsdogs_exp.training.runtime import import_tensorflow

    import_tensorflow()
    from catsdogs_exp.inference.suspects import score_labels
    from catsdogs_exp.record.suspicion_column import write_suspicion
    from catsdogs_exp.report.suspects_page import write_page

    screen = TerminalScreen()
    judged = score_labels(judges, [options.split] if options.split else ["validation", "test"], screen.progress)
    screen.close()
    for line in judged.unread:
        aside(f"left out: {line}")
    ranked = _ranked(judged)
    agreement = float((judged.probabilities.argmax(axis=1) == judged.labels).mean())
    figures = {
        "run": str(judges.folder),
        "out_of_fold": judges.out_of_fold,
        "networks": len(judges.runs),
        "judged": len(ranked),
        "agreement": agreement,  # an inaccurate network finds many suspects
        "mislabelled": sum(suspect.sure for suspect in ranked),
        "unread": judged.unread,
    }
    found = (
        f"{len(ranked)} images scored {_by_whom(judges, options.split)}, which agrees with {agreement:.1%} of the "
        f"labels: {figures['mislabelled']} {'looks' if figures['mislabelled'] == 1 else 'look'} mislabelled"
    )
    page = write_page(
        judges.folder,
        f"Label suspects: {judges.folder.name}",
        [
            f"{found}, framed in red: the network is at least as sure of another class as it usually is of that class.",
            "Suspicion is 0 if the network is sure of the label, 1 if it is sure of another class. A suspect is "
            "a hint, not a verdict: difficult images rank high as well.",
        ],
        ranked[: min(max(_SHOWN, sum(suspect.suspicion > 0.5 for suspect in ranked)), _PICTURES)],
    )
    score = {suspect.path: suspect.suspicion for suspect in ranked}
    for run, paths in zip(judges.runs, judged.by_run, strict=True):
        write_suspicion(run.folder / "manifest.csv", {path: score[path] for path in paths})
    if options.json:
        put_json(figures | {"page": str(page), "suspects": [_plain(suspect) for suspect in ranked]})
    else:
        _print(found, ranked, page, judges.folder)
    return 0


def _parser() -> Parser:
    parser = Parser(
        "inspect --run RUN",
        description="Images ranked by how confidently a trained network disagrees with their label (0..1). RUN is a "
        "run, or a sweep over all folds: then every image is scored by the network that was not trained on it. Writes "
        "suspects.html and the column `suspicion` of manifest.csv into the run folder.",
        epilog="Example: python -m catsdogs_exp inspect --run outputs/drawn/2026-01-31_12-00-00-abcd",
    )
    parser.add_argument("--split", help="train, validation or test; validation and test unless given")
    parser.add_argument("--json", action="store_true", help="all images, as JSON on stdout")
    return parser


def _by_whom(judges: "FoldRuns", split: str | None) -> str:
    if judges.out_of_fold:
        return f"by {len(judges.runs)} folds, each by the network that was not trained on it"
    if split == "train":
        return "by a network that was trained on them and may have memorized wrong labels"
    return "by a network that was not trained on them"


def _ranked(judged: "ScoredLabels") -> list["Suspect"]:
    from catsdogs_exp.inference.suspects import mislabelled
    from catsdogs_exp.report.suspects_page import Suspect

    suspicion, sure = judged.suspicion(), mislabelled(judged.probabilities, judged.labels)
    predicted = judged.probabilities.argmax(axis=1)
    return [
        Suspect(
            file=judged.files[row],
            path=judged.paths[row],
            label=judged.classes[judged.labels[row]],
            predicted=judged.classes[predicted[row]],
            suspicion=float(suspicion[row]),
            split=judged.splits[row],
            sure=bool(sure[row]),
        )
        for row in judged.ranking().tolist()
    ]


def _plain(suspect: "Suspect") -> dict[str, Any]:
    return {
        "path": suspect.path,
        "file": str(suspect.file),
        "split": suspect.split,
        "label": suspect.label,
        "predicted": suspect.predicted,
        "suspicion": round(suspect.suspicion, 6),
        "mislabelled": suspect.sure,
    }


def _print(found: str, ranked: list["Suspect"], page: Path, folder: Path) -> None:
    from catsdogs_exp.cli.screen import output, table

    console = output()
    console.say(found)
    listed = table("suspicion", "labelled", "looks like", "split", "picture")
    for suspect in ranked[:_SHOWN]:
        listed.add_row(f"{suspect.suspicion:.4f}", suspect.label, suspect.predicted, suspect.split, suspect.path)
    console.print(listed)
    console.say(f"pictures: {page}")
    console.say(f"all scores: the column suspicion of manifest.csv in {folder}")
