"""`python -m catsdogs_exp inspect [PATH] [dataset=... ...]`: what the data contains, and its problems."""

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from catsdogs_exp.cli.arguments import path_of, unknown_option
from catsdogs_exp.cli.json_output import put_json
from catsdogs_exp.cli.screen import TerminalScreen, aside, output, table
from catsdogs_exp.data.sources.wording import counted
from catsdogs_exp.errors import BadInput, did_you_mean, did_you_mean_path
from catsdogs_exp.platforms import expanded

_SHOWN = 20
_CLUSTERS = 5
_OPTIONS = ("--json", "--html", "--fail-on", "--run", "--help")
_USAGE = """Usage: python -m catsdogs_exp inspect [PATH] [key=value ...] [--json] [--html FILE] [--fail-on KIND,...]

Shows what the data contains, and its problems. Nothing is trained, moved or deleted.

  PATH              a folder of images, a zip or tar of one, or a table: short for dataset.path=PATH
  --json            the full report as JSON on stdout
  --html FILE       a page with pictures of every finding
  --fail-on KINDS   exit code 1 if any of these is found: {kinds}
                    (exit code 2 if a run would reject the data, with or without --fail-on)
  --run RUN         instead: images of a finished run whose labels look wrong (--run RUN --help)

  python -m catsdogs_exp inspect
  python -m catsdogs_exp inspect ~/photos --html findings.html
  python -m catsdogs_exp inspect cats_and_dogs_filtered.zip --fail-on leak,label_conflict"""


def main(arguments: list[str]) -> int:
    """Prints a table of classes, sizes and findings, and why files are left out.

    Returns:
        0; 1 if there are findings that `--fail-on` names; 2 if a run would reject this data.
    """
    run, rest = _taken(arguments, "--run")
    if run is not None:
        from catsdogs_exp.cli import suspects

        return int(suspects.main(path_of("--run", run), rest))

    from catsdogs_exp.data.inspection.report import KINDS

    if "-h" in rest or "--help" in rest:
        print(_USAGE.format(kinds=", ".join(KINDS)))  # noqa: T201
        return 0
    html, rest = _taken(rest, "--html")
    fail_on, rest = _taken(rest, "--fail-on", joins=True)
    gate = _gate(fail_on, KINDS)
    page = None if html is None else path_of("--html", html)
    if page is not None and not page.absolute().parent.is_dir():
        raise BadInput(f"--html must name a file in an existing folder. Received: {html}")
    overrides = _settings([word for word in rest if word != "--json"])

    from catsdogs_exp.config.compose import config_of
    from catsdogs_exp.data.inspection.report import report
    from catsdogs_exp.data.open_data import check_source, gather

    screen = TerminalScreen()
    config = config_of(overrides, say=screen.say)
    check_source(config.dataset)
    manifest = gather(config, screen.progress, enforce=False)
    found = report(manifest)
    screen.close()
    if found["trouble"]:
        screen.say(found["trouble"])
    if "--json" in rest:
        put_json(found)
    else:
        _print(found, KINDS)
    if page is not None:
        _write_page(manifest, page, screen.say)
    tripped = [f"{found['found'][kind]} {kind}" for kind in gate if found["found"][kind]]
    if tripped:
        aside(f"found: {', '.join(tripped)} (--fail-on {fail_on})")
    if found["refusal"]:
        return BadInput.exit_code
    return 1 if tripped else 0


def _taken(arguments: list[str], option: str, joins: bool = False) -> tuple[str | None, list[str]]:
    """Returns the value of `--option VALUE` or `--option=VALUE`, and the other words. Of several, the last one counts,
    or with `joins` all of them, as a list separated by commas.
    """
    value, rest, values = None, [], []
    words = iter(arguments)
    for word in words:
        if word == option:
            value = next(words, "")
        elif word.startswith(f"{option}="):
            value = word.partition("=")[2]
        else:
            rest.append(word)
            continue
        if not value or value.startswith("--"):
            raise BadInput(
                f"{option} needs a value: {option} {'RUN' if option == '--run' else 'VALUE'}. Received none."
            )
        values.append(value)
    return (",".join(values) if joins and values else value), rest


def _gate(text: str | None, known: dict[str, str]) -> list[str]:
    if text is None:
        return []
    words = list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not words:  # a gate that lets everything pass is not what was meant
        raise BadInput(f"--fail-on must be a list of {', '.join(known)}. Received: {text}")
    for word in words:
        if word not in known:
            raise BadInput(
                f"--fail-on must be a list of {', '.join(known)}. Received: {word}.{did_you_mean(word, known)}"
            )
    return words


def _settings(words: list[str]) -> list[str]:
    """Returns overrides; a word without `=`, or one that exists on disk, is the path of a folder, a table or an
    archive.
    """
    overrides: list[str] = []
    paths: list[str] = []
    for position, word in enumerate(words):
        if word.startswith("--json="):
            raise BadInput(f"--json takes no value: JSON goes to stdout. Received: {word}. Type: --json > FILE")
        if word.startswith("-"):
            raise unknown_option(words, position, _OPTIONS)
        (overrides if "=" in word and not os.path.lexists(word) else paths).append(word)
    if len(paths) > 1:
        together = " ".join(paths)
        hint = f". Type: inspect {shlex.quote(together)}" if os.path.lexists(expanded(together)) else ""
        raise BadInput(f"inspect takes one path. Received: {together}{hint}")
    if not paths:
        return overrides
    path = path_of("PATH", paths[0])
    if not path.exists():
        hint = did_you_mean_path(paths[0]) or ". Settings are written key=value."
        raise BadInput(f"There is no folder or archive to inspect at: {path}{hint}")
    from catsdogs_exp.config.data_words import source_for
    from catsdogs_exp.config.quoting import quoted

    return [f"dataset={source_for(str(path))}", f"dataset.path={quoted(str(path))}", *overrides]


def _write_page(manifest: Any, path: Path, say: Callable[[str], None]) -> None:
    from catsdogs_exp.report.inspection_page import write_page

    write_page(manifest, path)
    say(f"findings with pictures: {path}")


def _print(found: dict[str, Any], kinds: dict[str, str]) -> None:
    say = output().say
    _print_images(found)
    _print_findings(found)
    for line in found["reading"]:
        say(f"note: {line}")
    for line in found["passed_over"]:
        say(f"skipped: {line}")
    if found["quarantined"]:
        _print_left_out(found)
    seen = {kind: count for kind, count in found["found"].items() if count}
    say("found: " + (", ".join(f"{count} {kind} ({kinds[kind]})" for kind, count in seen.items()) or "nothing"))
    if found["refusal"]:
        say(f"a run would reject this data: {found['refusal']}")


def _print_images(found: dict[str, Any]) -> None:
    """Prints the numbers of images, their sizes and colours."""
    console = output()
    say = console.say
    say(f"{found['root']}: {found['files']} files, {found['usable']} usable")
    counts = found["counts"]
    classes = table("class", *counts, "in all")
    for name in found["classes"]:
        numbers = [counts[split].get(name, 0) for split in counts]
        classes.add_row(name, *numbers, sum(numbers))
    console.print(classes)
    for side, unit in (("width", " pixels"), ("height", " pixels"), ("aspect_ratio", "")):
        spread = found[side]
        if spread:
            middle = f"median {spread['median']}, 90 % within {spread['p5']} to {spread['p95']}"
            say(f"{side.replace('_', ' ')}: {spread['min']} to {spread['max']}{unit}, {middle}")
    for name, values in found["colour"].items():
        say(f"{name} of red, green, blue: {', '.join(f'{value:.1f}' for value in values)}")
    say(f"rule {found['rule']}; files by rule: {_listed(found['counts_by_rule'])}")
    for line in found["levels"]:
        say(line)
    for mark, count in found["shared"].items():
        say(f"nearly all images: {mark} ({count} of {found['usable']})")


def _print_findings(found: dict[str, Any]) -> None:
    """Prints what is unusual about images that are used."""
    say = output().say
    if found["notes"]:
        say("unusual, but used:")
        for note, count in list(found["notes"].items())[:_SHOWN]:
            say(f"  {count:>5}  {note}")
    for name in ("label_conflicts", "duplicates", "near_duplicates"):
        _print_groups(say, name, found[name])
    for name in ("leaks", "near_leaks"):
        _print_groups(say, name, [[pair["path"], pair["copy_of"]] for pair in found[name]])
    if found["brightness_outliers"]:
        paths = [f"{entry['path']} ({entry['brightness']:.0f})" for entry in found["brightness_outliers"]]
        say(f"far darker or brighter than the rest: {_some(paths)}")
    if found["blank"]:
        say(f"of a single colour: {_some(found['blank'])}")
    tested = [f"{cue['name']} {cue['accuracy']:.2f}" for cue in found["cues"] if cue["accuracy"] is not None]
    if tested:
        say(f"how well one cue alone predicts the class (chance {found['cues'][0]['chance']:.2f}): {', '.join(tested)}")
    for cue in found["cues"]:
        if cue["suspicious"]:
            say(f"cue: {cue['text']}: a network may learn that instead of the subject")


def _print_left_out(found: dict[str, Any]) -> None:
    say = output().say
    say(f"left out: {found['quarantined']}")
    for reason, count in found["reasons"].items():
        say(f"  {count:>5}  {reason}")
    for entry in found["left_out"][:_SHOWN]:
        say(f"  {entry['path']}: {entry['reason']}")
    if found["quarantined"] > _SHOWN:
        say(f"  ... and {found['quarantined'] - _SHOWN} more: --json lists all")


def _print_groups(say: Callable[[str], None], name: str, groups: list[list[str]]) -> None:
    if not groups:
        return
    what = "pair" if "leak" in name else "cluster"
    say(f"{name.replace('_', ' ')}: {counted(len(groups), what)}")
    for group in groups[:_CLUSTERS]:
        say(f"  {_some(group)}")
    if len(groups) > _CLUSTERS:
        say(f"  ... and {len(groups) - _CLUSTERS} more: --html FILE shows them, --json lists them")


def _some(paths: list[str]) -> str:
    more = f" and {len(paths) - _CLUSTERS} more" if len(paths) > _CLUSTERS else ""
    return ", ".join(paths[:_CLUSTERS]) + more


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
