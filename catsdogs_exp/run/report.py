"""The report at the end of a run. Nothing that goes wrong with it ends or changes the run."""

import logging
from typing import TYPE_CHECKING

from catsdogs_exp.process import random_state_kept
from catsdogs_exp.record.folder.run_files import RunFiles
from catsdogs_exp.run.job import Job, Screen

if TYPE_CHECKING:  # who wants no report does not pay for the pages
    from catsdogs_exp.report.run_page import Explain

_log = logging.getLogger("catsdogs_exp")


def report_run(job: Job, screen: Screen, finished: bool, explain: "Explain | None" = None) -> None:
    """Writes `report.html` and tells what the run's numbers say; with Grad-CAM only for a finished run.

    Args:
        job: of the run, whose `result.json` says how it ended.
        screen: where to tell it.
        finished: whether it ended well.
        explain: gives the maps; None: from the saved network.
    """
    if not job.config.logging.report or (job.cluster is not None and not job.cluster.is_chief):
        return
    from catsdogs_exp.report.run_page import write_report  # noqa: PLC0415  (who wants no report does not pay for it)

    if finished and explain is None:
        from catsdogs_exp.inference.judged_images import evidence_of  # noqa: PLC0415  (TensorFlow is there by now)

        explain = evidence_of
    try:
        with random_state_kept():  # Keras draws the seeds of layers that it loads
            _, lines = write_report(RunFiles(job.folder), explain=explain)
    except Exception as error:  # the run's own end is what counts
        _log.exception("the report could not be written")
        screen.say(f"the report could not be written: {type(error).__name__}; the traceback is in run.log")
        return
    for line in lines:
        screen.say(line)
