"""Writes the report at the end of a run. Its errors neither end nor change the run."""

import logging
from typing import TYPE_CHECKING

from catsdogs_exp.errors import BadInput
from catsdogs_exp.process import random_state_kept
from catsdogs_exp.record.diagnosis import NOTHING
from catsdogs_exp.record.folder.run_files import RunFiles
from catsdogs_exp.run.job import Job, Screen

if TYPE_CHECKING:  # runs without a report do not import the pages
    from catsdogs_exp.report.run_page import Explain

_log = logging.getLogger("catsdogs_exp")


def has_report(job: Job) -> bool:
    """Returns whether a run gets a report: of several workers, the chief writes it."""
    return job.config.logging.report and (job.cluster is None or job.cluster.is_chief)


def report_run(job: Job, screen: Screen, finished: bool, explain: "Explain | None" = None) -> None:
    """Writes `report.html` and prints the diagnosis of the run; with Grad-CAM only for a finished run.

    Args:
        job: the run, whose `result.json` records how it ended.
        screen: for the messages.
        finished: whether it completed.
        explain: computes the maps; None: the saved network is loaded for it.
    """
    if not has_report(job):
        return
    from catsdogs_exp.report.run_page import write_report  # noqa: PLC0415  (slow, and not every run wants a report)

    if finished and explain is None:
        from catsdogs_exp.inference.judged_images import evidence_of  # noqa: PLC0415  (TensorFlow is there by now)

        explain = evidence_of
    try:
        with random_state_kept():  # Keras draws the seeds of layers that it loads
            _, lines = write_report(RunFiles(job.folder), explain=explain)
    except BadInput as error:
        _log.warning("the report could not be written: %s", error)
        screen.say(f"the report could not be written: {error}")
        return
    except Exception as error:  # a failed report must not fail the run
        _log.exception("the report could not be written")
        screen.say(f"the report could not be written: {type(error).__name__}; the traceback is in run.log")
        return
    for line in lines:
        if line != NOTHING:  # the error that follows says all there is to say
            screen.say(line)
