"""Arguments of commands that take settings (`key=value`) and a few flags."""

from collections.abc import Sequence

from catsdogs_exp.errors import BadInput, did_you_mean


def settings_and_flags(arguments: list[str], flags: Sequence[str], usage: str) -> tuple[list[str], set[str]]:
    """Separates settings from flags; prints `usage` and leaves for `--help`.

    Raises:
        BadInput: for an unknown flag.
    """
    if "-h" in arguments or "--help" in arguments:
        print(usage)  # noqa: T201
        raise SystemExit(0)
    given = {word for word in arguments if word.startswith("-")}
    for word in sorted(given - set(flags)):
        raise BadInput(f"Unknown option: {word}.{did_you_mean(word, flags)} Known: {', '.join(flags) or 'none'}.")
    return [word for word in arguments if not word.startswith("-")], given
