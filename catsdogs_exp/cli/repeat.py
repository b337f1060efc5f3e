"""`python -m catsdogs_exp repeat RUN`: trains the same config on the same data again, and compares the results."""

import shlex
from dataclasses import replace
from pathlib import Path

from catsdogs_exp.cli.arguments import run_parser
from catsdogs_exp.errors import BadInput, RunFailed
from catsdogs_exp.signals import interruptible


def main(arguments: list[str]) -> int:
    """Trains again in a new folder. Exit code 0 if the result is identical, 1 if not."""
    parser = run_parser(
        "repeat",
        "Repeat a run with the same config on the same data, and compare the results.",
        "outputs/drawn/2026-01-31_12-00-00-abcd",
    )
    parser.add_argument("-v", dest="verbose", action="store_true", help="show TensorFlow's own messages")
    options = parser.read(arguments)

    from catsdogs_exp.cli.screen import TerminalScreen, output
    from catsdogs_exp.config.cluster import cluster_for
    from catsdogs_exp.config.stored import stored_config, stored_overrides
    from catsdogs_exp.data.open_data import check_source, gather
    from catsdogs_exp.record.folder.manifest_changes import changes_of
    from catsdogs_exp.record.folder.provenance import changed_versions
    from catsdogs_exp.record.folder.run_files import find_run, read_result
    from catsdogs_exp.record.folder.run_folder import new_run_folder
    from catsdogs_exp.record.folder.run_lock import owned, true_status
    from catsdogs_exp.run.job import Job, run_name
    from catsdogs_exp.run.train import train
    from catsdogs_exp.run.workers import help_chief

    folder = find_run(options.run).folder
    found = read_result(folder)
    if found.get("status") != "ok":
        raise BadInput(
            f"RUN must be a finished run to compare with. Its status is {true_status(folder, found.get('status'))}: "
            f"{folder}. Finish it first: python -m catsdogs_exp resume {shlex.quote(str(folder))}"
        )
    config = stored_config(folder)
    cluster = cluster_for(config.training)
    chief = cluster is None or cluster.is_chief
    screen = TerminalScreen(silent=not chief)
    check_source(config.dataset)
    if changes := changes_of(folder, gather(config, screen.progress)):
        raise BadInput(f"The data has changed since the run: {changes}. A repeat needs the same data")
    for line in changed_versions(found):
        screen.say(line)
    command = shlex.join(["python", "-m", "catsdogs_exp", "repeat", *arguments])
    job = Job(config, Path(), "", command, stored_overrides(folder), options.verbose, cluster=cluster)
    if not chief:
        with interruptible():
            help_chief(job, screen)
        return 0
    again = new_run_folder(config.output_dir, run_name(config))
    with owned(again), interruptible():
        train(replace(job, folder=again, name=again.name), screen)

    from catsdogs_exp.record.repetition import compare_runs

    repetition = compare_runs(folder, again)
    console = output()
    console.say(f"{repetition}")
    console.say(f"run folder: {again}")
    return 0 if repetition.identical else RunFailed.exit_code
