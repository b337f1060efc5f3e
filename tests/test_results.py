"""What pages and recipes quote from `experiments/results.json` agrees with the file."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from catsdogs_exp.config.recipe_results import FIGURES, RecipeResult, recipe_results

ROOT = Path(__file__).resolve().parents[1]
RECIPES = sorted((ROOT / "experiments").glob("*.yaml"))
RESULTS = recipe_results()
FIRST = {each.recipe: each for each in reversed(RESULTS)}  # the one to quote
TRIPLE = re.compile(r"\d\.\d{3}(?:, \d\.\d{3}){2}(?![\d,]*\d)")
ROUNDING = 0.001  # means were taken of figures before they were rounded


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def rows(text: str) -> Iterator[tuple[list[str], list[str]]]:
    """Each row of a page's tables, with the header of its table."""
    head: list[str] = []
    for line in text.splitlines():
        if not line.startswith("|"):
            head = []
        elif not head:
            head = cells(line)
        elif not set(line) <= set("|-: "):
            yield head, cells(line)


def triples(text: str) -> list[tuple[float, ...]]:
    return [tuple(map(float, found.split(", "))) for found in TRIPLE.findall(text)]


def sections(page: str) -> list[str]:
    return re.split(r"(?m)^##+ ", (ROOT / page).read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_quotes_its_result(path: Path) -> None:
    header = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    assert [line for line in header if "Reached" in line] == [f"# {FIRST[path.stem].headline()}"]
    course = (ROOT / "docs" / "course.md").read_text(encoding="utf-8")
    for figure in re.findall(r"\b[01]\.\d{3,}\b", "\n".join(line for line in header if "Reached" not in line)):
        assert figure in course, f"{figure}: a figure of a run stands in experiments/results.json alone"


def test_every_recipe_has_a_row_in_the_overview() -> None:
    overview = {row[0].partition("`")[2].partition("`")[0]: row for _, row in rows(sections("docs/results.md")[0])}
    assert set(overview) == {path.stem for path in RECIPES}
    for name, (_, values, mean, seconds, _) in overview.items():
        result = FIRST[name]
        assert triples(values) == [result.figures["val_accuracy"]], name
        assert mean == f"{result.mean('val_accuracy'):.3f}", name
        assert result.seconds is not None
        low, high = (f"{value:,.0f}" for value in (result.seconds.low, result.seconds.high))
        assert seconds.startswith(f"{low}, " if low == high else f"{low} to {high}, "), name
        assert set(result.variant()) - {"epochs=15"} <= set(re.findall(r"[\w.]+=[\w.]+", overview[name][0])), name


@pytest.mark.parametrize("section", sections("docs/results.md"), ids=lambda text: text.splitlines()[0][:40])
def test_three_seeds_are_quoted_as_they_were_measured(section: str) -> None:
    """Wherever three accuracies are listed together, they belong to a recipe named in the section."""
    named = [each for each in RESULTS if re.search(rf"\b{each.recipe}\b", section)]
    known = {each.figures[figure] for each in named for figure in FIGURES if figure in each.figures}
    assert set(triples(section)) <= known
    for head, row in rows(section):
        for place, cell in enumerate(row[:-1]):
            if triples(cell) and head[place + 1] in ("mean", "their mean"):
                (values,) = triples(cell)
                assert float(row[place + 1]) == pytest.approx(sum(values) / 3, abs=ROUNDING), row


def test_the_readme_quotes_the_results() -> None:
    table = [row for head, row in rows((ROOT / "README.md").read_text(encoding="utf-8")) if head[0] == "`NAME`"]
    assert len(table) >= 3
    for name, _, accuracy, seconds in table:
        result = FIRST[name.strip("`")]
        assert accuracy == f"{result.mean('val_accuracy'):.3f}", name
        number, unit = re.match(r"(\d+) (s|min)\b", seconds).groups()  # type: ignore[union-attr]
        assert result.seconds is not None
        assert int(number) == round(result.seconds.mean / {"s": 1, "min": 60}[unit]), name


def test_results_name_where_they_come_from() -> None:
    """From a section of the page, before the file existed, or from runs, whose version and commit are known."""
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    for result in RESULTS:
        assert _in_page(result, page) or (result.version and result.commit), result


def _in_page(result: RecipeResult, page: str) -> bool:
    place, _, heading = result.source.partition(", ")
    return place == "docs/results.md" and heading.split(", ")[-1] in page


def test_every_row_of_a_benchmark_is_defined_with_its_target() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    defined = {row[0]: set(row[-1].replace(" s", "").split("; ")) for head, row in rows(page) if head[0] == "Row"}
    used = [
        name
        for path in (ROOT / "benchmarks").glob("*.py")
        for name in re.findall(r'"([AP]\d+)\b[^"]*"', path.read_text())
    ]
    assert set(used) == set(defined)
    printed = [(row[0], row[6].removesuffix(" s")) for head, row in rows(page) if head[0] == "row" and row[0] != "-"]
    assert len(printed) > 12
    for name, target in printed:
        assert target in defined[name], name
