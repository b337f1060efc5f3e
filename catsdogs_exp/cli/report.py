"""`python -m catsdogs_exp report RUN`: the page of a run."""

from catsdogs_exp.cli.arguments import a_path, run_parser


def main(arguments: list[str]) -> int:
    """Writes a run's report and prints its verdicts."""
    parser = run_parser(
        "report",
        "Write the report of a run, even of one that was killed or failed: RUN/report.html.",
        "outputs/drawn/2026-01-31_12-00-00-abcd",
    )
    parser.add_argument("--output", type=a_path, metavar="FILE", help="write the page here instead")
    parser.add_argument("--no-maps", action="store_true", help="leave out Grad-CAM, which needs TensorFlow")
    options = parser.read(arguments)

    from catsdogs_exp.cli.screen import output
    from catsdogs_exp.record.folder.run_files import find_run
    from catsdogs_exp.report.run_page import write_report

    run = find_run(options.run)
    explain = None
    if not options.no_maps and run.network.is_file():
        from catsdogs_exp.training.runtime import import_tensorflow

        import_tensorflow()
        from catsdogs_exp.inference.judged_images import evidence_of

        explain = evidence_of
    path, lines = write_report(run, options.output, explain)
    for line in lines:
        output().say(line)
    output().say(f"report: {path}")
    return 0
