"""The notebook display of one or several runs: a fragment of HTML with its own styles."""

from collections.abc import Sequence
from typing import Any

from catsdogs_exp.record.diagnosis import diagnose, next_setting
from catsdogs_exp.record.folder.run_files import RunFiles
from catsdogs_exp.report import page
from catsdogs_exp.report.run_facts import read_facts
from catsdogs_exp.report.run_page import curves, headline

_ROWS = 60


def run_head(run: RunFiles) -> str:
    """Returns the head of a run's report: result, diagnosis and curves."""
    facts = read_facts(run)
    found = diagnose(facts.history, facts.result, facts.config, facts.predictions)
    return page.piece(
        "run_head.html.j2",
        name=run.folder.name,
        status=facts.status,
        headline=headline(facts),
        lines=[each.text for each in found],
        setting=next_setting(found),
        charts=curves(facts),
    )


def runs_head(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Returns a table of the first sixty runs.

    Args:
        names: of the columns.
        rows: one per run; None for an empty cell.
    """
    return page.piece("runs_head.html.j2", names=names, rows=rows[:_ROWS], more=max(0, len(rows) - _ROWS))
