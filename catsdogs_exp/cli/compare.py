"""`compare`: compares runs, as a table for readers or as data, and tests whether the best one is better."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from catsdogs_exp.cli.arguments import Parser, a_path
from catsdogs_exp.cli.comparison_columns import group_columns, run_columns, shown
from catsdogs_exp.cli.comparison_tables import write_csv, write_human, write_markdown
from catsdogs_exp.cli.json_output import put_json
from catsdogs_exp.metrics.names import lower_is_better
from catsdogs_exp.printable import printable
from catsdogs_exp.record.comparison import Comparison, compare, settled_by_recipe
from catsdogs_exp.record.folder.run_reader import RANKED_BY

if TYPE_CHECKING:  # they come with NumPy
    from catsdogs_exp.record.best_against import BestVerdict
    from catsdogs_exp.record.disagreement import Disagreement
    from catsdogs_exp.record.run_groups import Grouping

_MOST_SETTINGS = 15  # number of differing settings above which those implied by a recipe's name are hidden
_MOST_TESTS = 8  # printed one by one
_MOST_DISPUTED = 10
_EXAMPLES = """\
examples:
  # all runs of a sweep, best first, with the settings that differ
  python -m catsdogs_exp compare outputs/drawn/2026-01-31_12-00-00-abcd

  # mean, deviation and interval over seeds, for a spreadsheet
  python -m catsdogs_exp compare outputs --by val_accuracy --group-by ~seed --csv > table.csv

  # some of many runs
  python -m catsdogs_exp compare outputs --where 'optimizer=adamw and lr<0.01'

  # two runs: settings that differ, images on which they disagree; as a page with pictures
  python -m catsdogs_exp compare RUN_A RUN_B --html page.html
"""


def main(argv: list[str]) -> int:
    """Prints the table. Returns the exit code.

    Raises:
        BadInput: for an unknown metric or key, a path that is not a folder, or if there are no runs.
    """
    if "--inside" in argv or "--wall" in argv:
        from catsdogs_exp.cli.inside import inside, wall

        return inside(argv) if "--inside" in argv else wall(argv)
    arguments = _parser().read(argv)
    found = compare(arguments.paths, arguments.by, arguments.where)
    grouping = None
    if arguments.group_by is not None:
        from catsdogs_exp.record.run_groups import group_runs

        grouping = group_runs(found, [name.strip() for name in arguments.group_by.split(",")])
    for remark in (*found.remarks, *(grouping.remarks if grouping else ())):
        _aside(remark)
    if arguments.html:
        from catsdogs_exp.report.compare_page import write_page

        write_page(found, arguments.html)
        _aside(f"page: {arguments.html}")
    if grouping is not None:
        _write_groups(found, grouping, arguments.form)
    else:
        _write_runs(found, arguments.form)
    sys.stdout.flush()  # here, where a closed pipe is handled
    return 0


def _parser() -> Parser:
    parser = Parser(
        "compare",
        description="Compare runs, best first: their results, only the settings that differ, and whether the "
        "best one is better than the others on the same images.",
        epilog=_EXAMPLES,
    )
    parser.add_argument(
        "paths",
        type=a_path,
        metavar="PATH",
        nargs="*",
        default=["outputs"],
        help="a run folder, a sweep's folder, or any folder that contains runs (default: outputs)",
    )
    parser.add_argument(
        "--by",
        metavar="METRIC",
        help=f"rank by one of {', '.join(RANKED_BY)}; last and last10 are the validation accuracy of the last "
        "epoch and its mean over the last ten (default: what the runs were trained for)",
    )
    parser.add_argument(
        "--where",
        metavar="CONDITION",
        action="append",
        default=[],
        help="only runs that satisfy it: 'lr<0.01', 'optimizer=adamw and val_accuracy>=0.8', status=ok; repeatable",
    )
    parser.add_argument(
        "--inside", action="store_true", help="compare two networks by their activations (options: --inside --help)"
    )
    parser.add_argument(
        "--wall", action="store_true", help="draw the activations of all runs side by side (options: --wall --help)"
    )
    parser.add_argument(
        "--group-by",
        metavar="KEY[,KEY]",
        help="n, mean, standard deviation (n - 1), 95 %% interval, min and max over the runs that share these "
        "settings; ~KEY: that share all settings except KEY, such as ~seed. Only completed runs count",
    )
    parser.add_argument(
        "--html", type=a_path, metavar="FILE", help="also write a page: curves, settings, tests, pictures"
    )
    form = parser.add_mutually_exclusive_group()
    for name, text in (
        ("csv", "comma-separated values, in full precision"),
        ("markdown", "a table in Markdown"),
        ("json", "JSON, with all metrics and tests"),
    ):
        form.add_argument(f"--{name}", dest="form", action="store_const", const=name, help=text)
    return parser


def _write_runs(found: Comparison, form: str | None) -> None:
    from catsdogs_exp.record.best_against import best_against_others

    left_out = _left_out(found) if form in (None, "markdown") else ()
    if form == "csv":
        write_csv(run_columns(found, False, ()))
        return
    verdict, pair = best_against_others(found), _pair(found)
    if form == "json":
        from catsdogs_exp.cli.comparison_json import runs_as_json
        from catsdogs_exp.record.photo_sweep import photo_sweeps

        put_json(runs_as_json(found, verdict, pair, photo_sweeps(found)))
        return
    columns = run_columns(found, True, left_out)
    if form == "markdown":
        write_markdown(columns)
    else:
        write_human(columns, _headline(found), found.by)
    lines = [*_verdict_lines(verdict), *(_pair_lines(pair) if pair else ())]
    for line in ("", *lines) if lines else ():
        sys.stdout.write(f"{printable(line)}\n")
    if form is None:
        _write_repetitions(found)
    _write_photo_sweeps(found)
    if left_out:
        sys.stdout.flush()
        _aside(f"{len(left_out)} settings that are the same in all runs of an experiment are left out: --csv shows all")


def _write_groups(found: Comparison, grouping: "Grouping", form: str | None) -> None:
    columns = group_columns(grouping, found.by, form != "csv")
    if form == "json":
        from catsdogs_exp.cli.comparison_json import groups_as_json

        put_json(groups_as_json(found, grouping))
    elif form == "csv":
        write_csv(columns)
    elif form == "markdown":
        write_markdown(columns)
    else:
        write_human(columns, _headline(found, grouping), f"{found.by} mean ± std")


def _write_repetitions(found: Comparison) -> None:
    """Prints runs that differ only in seed or fold, aggregated, if there are any."""
    from catsdogs_exp.record.run_groups import repetitions

    grouping = repetitions(found)
    if grouping is not None:
        sys.stdout.write("\n")
        write_human(group_columns(grouping, found.by, True), "Over seeds and folds", f"{found.by} mean ± std")
        for remark in grouping.remarks:
            sys.stdout.write(f"  {printable(remark)}\n")


def _write_photo_sweeps(found: Comparison) -> None:
    """Answers whether more photos would help, if runs differ in how many they were trained on."""
    from catsdogs_exp.record.photo_sweep import photo_sweeps

    for sweep in photo_sweeps(found):
        shared = ", ".join(f"{key}={shown(value)}" for key, value in sweep.settings.items())
        for line in ("", *([shared] if shared else []), *sweep.lines()):
            sys.stdout.write(f"{printable(line)}\n")


def _left_out(found: Comparison) -> tuple[str, ...]:
    """Returns settings to hide from readers: if many differ, those implied by the column `experiment`.

    None for two runs: comparing two means asking for all differences.
    """
    return settled_by_recipe(found) if len(found.runs) > 2 and len(found.keys) > _MOST_SETTINGS else ()


def _pair(found: Comparison) -> "Disagreement | None":
    if len(found.runs) != 2:
        return None
    from catsdogs_exp.record.disagreement import disagreement

    return disagreement(*found.runs)


def _verdict_lines(verdict: "BestVerdict") -> Iterator[str]:
    """Yields lines on whether the best run is better; many tests are summarized by their count."""
    if verdict.reason:
        yield f"Is the best run better? Not tested: {verdict.reason}"
        return
    if verdict.best is None:
        return
    better = sum(test.is_better for test in verdict.tests)
    if verdict.tests:
        by = f"by {verdict.tests[0].method} on the same images"
        if len(verdict.tests) > 1:
            others = f"{better} of the other {len(verdict.tests)} runs"
            yield f"Is {verdict.best} better? Than {others}, {by}, corrected for all of them (Holm):"
        else:
            yield f"Is {verdict.best} better, {by}?"
        for test in verdict.tests[:_MOST_TESTS]:
            yield f"  {test.other}: {test.words()}"
        if len(verdict.tests) > _MOST_TESTS:
            yield f"  ... and {len(verdict.tests) - _MOST_TESTS} more: --json has all"
    for reason, names in _by_reason(verdict).items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"Not tested: {names[0]}{more}: {reason}"


def _by_reason(verdict: "BestVerdict") -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, reason in verdict.untested.items():
        found.setdefault(reason, []).append(name)
    return found


def _pair_lines(pair: "Disagreement") -> Iterator[str]:
    yield pair.words()
    for image in pair.disputed[:_MOST_DISPUTED]:
        said = " against ".join(f"{name} {p:.2f}" for name, p in zip(image.said, image.confidence, strict=True))
        yield f"  {image.path}: {said}, it is {image.label}"
    if len(pair.disputed) > _MOST_DISPUTED:
        yield f"  ... and {len(pair.disputed) - _MOST_DISPUTED} more: --json has all, --html shows them"


def _headline(found: Comparison, grouping: "Grouping | None" = None) -> str:
    count = len(found.runs)
    better = "lower" if lower_is_better(found.by) else "higher"
    what = f"{count} run{'s' if count != 1 else ''} in {found.root}"
    if grouping:
        what += f", grouped by {', '.join(grouping.keys) or 'nothing: all runs together'}"
    return printable(f"{what}, best first by {found.by} ({better} is better)")


def _aside(text: str) -> None:
    sys.stderr.write(f"{printable(text)}\n")
