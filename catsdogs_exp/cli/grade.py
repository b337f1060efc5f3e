"""`python -m catsdogs_exp grade RUN`: grades a run by the course's own criteria."""

from catsdogs_exp.cli.arguments import run_parser
from catsdogs_exp.cli.json_output import put_json
from catsdogs_exp.errors import RunFailed


def main(arguments: list[str]) -> int:
    """Prints pass or fail, with the figures. Exit code 0 for a pass, 1 for a fail."""
    parser = run_parser(
        "grade",
        "Grade a run by the course's own criteria: accuracies within a number of epochs, and the curves.",
        "outputs/course_week1/2026-01-31_12-00-00-abcd --by week1",
    )
    parser.add_argument("--by", help="week1 to week4, 2019_ex5 to 2019_ex7; default: by the recipe's name, or week1")
    parser.add_argument("--json", action="store_true", help="the figures, as JSON on stdout")
    options = parser.read(arguments)

    from catsdogs_exp.cli.screen import output
    from catsdogs_exp.config.stored import stored_config
    from catsdogs_exp.record.folder.run_files import find_run
    from catsdogs_exp.record.grading import CRITERIA, accuracy_curves, grade

    folder = find_run(options.run).folder
    by = options.by or _by_recipe(stored_config(folder).experiment, tuple(CRITERIA))
    findings = grade(accuracy_curves(folder), by)
    passed = all(finding.met for finding in findings)
    if options.json:
        rows = [{"demand": each.demand, "figure": each.figure, "met": each.met} for each in findings]
        put_json({"by": by, "passed": passed, "findings": rows})
    else:
        console = output()
        console.say(f"{CRITERIA[by].title}, the first {CRITERIA[by].epochs} epochs")
        for finding in findings:
            console.say(f"  {'pass' if finding.met else 'FAIL'}  {finding.demand:<34} {finding.figure}")
        console.say("passed" if passed else "failed")
    return 0 if passed else RunFailed.exit_code


def _by_recipe(experiment: str | None, known: tuple[str, ...]) -> str:
    """The default assignment: week2 for `course_week2_augmentation`, week1 for any other run."""
    return next((name for name in known if experiment and name in experiment), "week1")
