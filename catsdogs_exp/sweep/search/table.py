"""The summary of a search: a table of its trials; for several objectives, also the Pareto front, with a picture."""

from collections.abc import Sequence
from pathlib import Path

from catsdogs_exp.sweep.search.measures import Objective, pareto
from catsdogs_exp.sweep.search.search import Aims
from catsdogs_exp.sweep.sweep_file import OK, PRUNED, JobState, SweepFile

PICTURE = "pareto.png"


def table(file: SweepFile, aims: Aims, ended: str) -> list[str]:
    """One line per trial with a result, best first; then those that were pruned, and those beyond a limit.

    Args:
        file: the jobs.
        aims: what the search improves. With several objectives `pareto.png` is written beside the jobs.
        ended: why the search ended early, or "".
    """
    jobs = [job for job in file.jobs if job.status in (OK, PRUNED) and job.same_as is None]
    values = {job.number: found for job in jobs if (found := aims.values(job)) is not None}
    beyond = {
        job.number: [text for text, excess in aims.excesses(job).items() if excess > 0]
        for job in jobs
        if job.number in values
    }
    fit = {job.number: values[job.number] for job in jobs if not beyond.get(job.number) and job.number in values}
    whole = {number: found for number, found in fit.items() if file[number].status == OK}
    front = pareto(whole, aims.objectives)
    sign = 1 if aims.objectives[0].lower else -1
    ordered = sorted(values, key=lambda number: (number not in fit, number not in whole, sign * values[number][0]))
    lines = [_line(file[number], values[number], aims, beyond[number]) for number in ordered]
    if not front:
        return [*lines, *([f"the search ended: {ended}"] if ended else [])]
    if len(aims.objectives) == 1:
        lines.append(f"best: {file[front[0]].folder}")
    else:
        names = ", ".join(each.name for each in aims.objectives)
        lines.append(f"Pareto front of {names}: {len(front)} of {len(whole)} finished trials")
        lines += [_line(file[number], values[number], aims, []) for number in front]
        lines.append(f"  {draw(whole, front, aims.objectives, file.folder / PICTURE)}")
    return [*lines, *([f"the search ended: {ended}"] if ended else [])]


def draw(values: dict[int, list[float]], front: Sequence[int], objectives: Sequence[Objective], path: Path) -> Path:
    """Draws the first two objectives of all trials, with their numbers; those of the front are connected."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  (only this picture needs it)
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(7, 4.5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    first, second = objectives[:2]
    others = [number for number in values if number not in front]
    axes.plot([values[n][1] for n in others], [values[n][0] for n in others], "o", color="0.7", label="other trials")
    best = sorted(front, key=lambda number: values[number][1])
    style = "o-" if len(objectives) == 2 else "o"  # a line through three dimensions would mislead
    axes.plot([values[n][1] for n in best], [values[n][0] for n in best], style, color="C3", label="Pareto front")
    for number, found in values.items():
        axes.annotate(f"{number}", (found[1], found[0]), (4, 4), textcoords="offset points", fontsize="small")
    if all(found[1] > 0 for found in values.values()) and second.name in ("parameters", "seconds"):
        axes.set_xscale("log")
    axes.set_xlabel(f"{second.name} ({'lower' if second.lower else 'higher'} is better)")
    axes.set_ylabel(f"{first.name} ({'lower' if first.lower else 'higher'} is better)")
    axes.legend(fontsize="small")
    figure.savefig(path)
    return path


def _line(job: JobState, values: Sequence[float], aims: Aims, beyond: Sequence[str]) -> str:
    shown = "  ".join(f"{each.name} {_number(value)}" for each, value in zip(aims.objectives, values, strict=True))
    name = Path(job.folder or "").name
    status = "" if job.status == OK else f"({job.status}) "
    return f"{shown}  {status}{name}{f'  (not {chr(44).join(beyond)})' if beyond else ''}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 2 else f"{value:.4f}"
