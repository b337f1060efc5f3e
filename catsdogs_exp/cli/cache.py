"""`python -m catsdogs_exp cache`: lists or clears the decoded images and features that runs keep on disk."""

from datetime import datetime
from typing import TYPE_CHECKING

from catsdogs_exp.cli.arguments import Parser
from catsdogs_exp.errors import BadInput

if TYPE_CHECKING:
    from catsdogs_exp.data.images.pixel_cache import Entry


def main(arguments: list[str]) -> int:
    """Prints a table of the cache's entries, or removes those that no run uses."""
    parser = Parser(
        "cache",
        description="Decoded images and features on disk, shared by runs (loader.cache).",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="list the entries (default)")
    what.add_argument("--clear", action="store_true", help="remove entries that no run is using")
    parser.add_argument("--unused-for", metavar="DAYS", help="with --clear: only entries not used for this long")
    options = parser.read(arguments)
    days = _days(options.unused_for, options.clear)

    from catsdogs_exp.data.images.pixel_cache import clear, entries

    if options.clear:
        removed, kept = clear(days)
        print(f"{_count(removed)} removed, {_mib(removed)} freed")  # noqa: T201
        if kept:
            print(f"{_count(kept)} kept: in use, or made by another user")  # noqa: T201
    else:
        _print(entries())
    return 0


def _days(text: str | None, clear: bool) -> float:
    if text is None:
        return 0.0
    if not clear:
        raise BadInput(f"--unused-for needs --clear. Received: --unused-for {text} alone")
    try:
        days = float(text)
    except ValueError:
        days = -1.0
    if not 0 <= days < float("inf"):
        raise BadInput(f"--unused-for must be a number of days >= 0. Received: {text}")
    return days


def _print(found: list["Entry"]) -> None:
    from catsdogs_exp.cli.screen import output, table
    from catsdogs_exp.data.cache_folder import cache_folder

    console = output()
    if found:
        listed = table("entry", "images", "size", "MiB", "made", "last used", "", "data")
        for entry in found:
            about = entry.about
            shape = " x ".join(str(about[key]) for key in ("height", "width", "channels") if key in about)
            how = ", ".join(str(about[key]) for key in ("features", "resize", "interpolation") if key in about)
            state = "in use" if entry.busy else "" if entry.whole else "half made"
            listed.add_row(
                entry.key[:8],
                str(about.get("images", "?")),
                f"{shape} {how}".strip() or "?",
                f"{entry.size / 2**20:,.1f}",
                _made(about.get("made")),
                f"{datetime.fromtimestamp(entry.used):%Y-%m-%d %H:%M}",
                state,
                about.get("data", "?"),
            )
        console.print(listed)
    console.say(f"{_count(found)}, {_mib(found)} in {cache_folder('decoded')}")


def _made(text: object) -> str:
    try:
        return f"{datetime.fromisoformat(str(text)).astimezone():%Y-%m-%d %H:%M}"
    except ValueError:
        return "?"


def _count(found: list["Entry"]) -> str:
    return f"{len(found)} {'entry' if len(found) == 1 else 'entries'}"


def _mib(found: list["Entry"]) -> str:
    return f"{sum(entry.size for entry in found) / 2**20:,.1f} MiB"
