"""Argument parsing shared by the commands: parsers with one-line errors, runs, paths, settings."""

import argparse
import difflib
import os
import re
import shlex
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from catsdogs_exp.errors import BadInput, did_you_mean
from catsdogs_exp.platforms import expanded

_NUMBERS = {"int": "a whole number", "float": "a number"}


class Parser(argparse.ArgumentParser):
    """A parser whose errors are `BadInput`: one line with what to type. Options must be written in full.

    Args:
        command: the words after `python -m catsdogs_exp`.
        takes_settings: whether some of its words may be `key=value`.
        options: passed to `argparse.ArgumentParser`.
    """

    def __init__(self, command: str, takes_settings: bool = False, **options: Any) -> None:
        options["description"] = textwrap.fill(options.get("description") or "", 79)
        # An example stays on one line, so that it can be copied.
        kept = argparse.RawDescriptionHelpFormatter
        super().__init__(f"python -m catsdogs_exp {command}", allow_abbrev=False, formatter_class=kept, **options)
        self._takes_settings = takes_settings
        self._words: Sequence[str] = ()

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Parses the words; options may be anywhere.

        Raises:
            BadInput: for an unknown option, a missing or wrong value, and too few or too many words.
        """
        self._words = words
        self._check_options(words)
        return self.parse_intermixed_args(words)

    def error(self, message: str) -> NoReturn:
        """Rewords argparse's messages."""
        raise BadInput(self._reworded(message))

    def _options(self) -> dict[str, str]:
        """Returns each option with the placeholder of its value in the usage, `""` if it takes none."""
        usage = " ".join(self.format_usage().split()).replace(self.prog, "", 1)
        found = re.findall(r"(?<=[\[| ])(--?[a-z][\w-]*)(?: ([^\]|\[ ]+))?", usage)
        return {flag: value for flag, value in found if flag != "-h"}

    def _check_options(self, words: Sequence[str]) -> None:
        known = [*self._options(), "--help"]
        for position, word in enumerate(words):
            if word == "--":
                return
            number = re.fullmatch(r"-\d*\.?\d*(e-?\d+)?", word)
            if word.startswith("-") and not number and word.partition("=")[0] not in (*known, "-h"):
                raise unknown_option(words, position, known, self._takes_settings)

    def _reworded(self, message: str) -> str:
        options, typed = self._options(), shlex.join(self._words) or "none"
        if found := re.search(r"arguments are required: (.*)", message):
            usage = self.format_usage()  # argparse also lists optional arguments
            needed = " and ".join(
                name for name in found[1].split(", ") if f"[{name} ..." not in usage or f"{name} [" in usage
            )
            return f"{self._name()} needs {needed}. Received: {typed}. {self.epilog or '`--help` shows how.'}"
        if found := re.match(r"unrecognized arguments: (.*)", message):
            return f"{self._name()} does not take: {found[1]}. Received: {typed}. `--help` shows what it takes."
        found = re.match(r"argument ([^:]+): (.*)", message, re.DOTALL)
        if not found:
            return f"{message[:1].upper()}{message[1:]}. `--help` shows what {self._name()} takes."
        flag, what = found[1], found[2]
        if what.startswith("expected"):
            return f"{flag} needs a value: {flag} {options.get(flag) or 'VALUE'}. Received none."
        if other := re.match(r"not allowed with argument (.*)", what):
            return f"{other[1]} and {flag} cannot be combined. Received both: leave one out."
        if given := re.match(r"ignored explicit argument '(.*)'", what, re.DOTALL):
            return f"{flag} takes no value. Received: {flag}={given[1]}. Type: {flag}"
        if given := re.match(r"invalid (\w+) value: '(.*)'", what, re.DOTALL):
            return f"{flag} must be {_NUMBERS.get(given[1], given[1])}. Received: {flag} {given[2]}"
        if given := re.match(r"invalid choice: '?(.*?)'? \(choose from (.*)\)", what, re.DOTALL):
            choices = given[2].replace("'", "").split(", ")
            guess = did_you_mean(given[1], choices)
            return f"{flag} must be one of {', '.join(choices)}. Received: {flag} {given[1]}.{guess}"
        return f"{flag} {what}" if what.startswith("must") else f"{flag}: {what}"

    def _name(self) -> str:
        """The command's name, without placeholders."""
        return self.prog.removeprefix("python -m catsdogs_exp ")


def a_path(text: str) -> Path:
    """Parses a path as typed; `~` is the home folder even after an equals sign, where shells do not expand it.

    Raises:
        argparse.ArgumentTypeError: for an empty text, as from an unset shell variable, and for a path at which the
            system cannot look: its name is too long, or a folder on the way may not be entered.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("must be a path. Received an empty one.")
    path = expanded(text)
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):  # the command may create it, or says what it needs
        pass
    except OSError as error:
        why = f"must be a path that can be used: {error.strerror}. Received: {text}"
        raise argparse.ArgumentTypeError(why) from error
    return path


def path_of(name: str, text: str) -> Path:
    """Parses a path as `a_path` does, for commands that read their words themselves.

    Args:
        name: of the option or argument.
        text: as typed.

    Raises:
        BadInput: naming it.
    """
    try:
        return a_path(text)
    except argparse.ArgumentTypeError as error:
        raise BadInput(f"{name} {error}") from error


def run_parser(command: str, description: str, example: str, takes_settings: bool = False) -> Parser:
    """Creates the parser of a command whose first argument is a run folder: RUN, stored as `run`.

    Args:
        command: its name.
        description: what it does.
        example: arguments for an example.
        takes_settings: whether it also takes `key=value`.
    """
    parser = Parser(
        command,
        takes_settings,
        description=description,
        epilog=f"Example: python -m catsdogs_exp {command} {example}",
    )
    parser.add_argument("run", metavar="RUN", type=a_path, help="a run folder")
    return parser


def add_classes(parser: argparse.ArgumentParser) -> None:
    """Adds the option that maps classes in `--data` to those of a run."""
    parser.add_argument(
        "--classes",
        action="append",
        metavar="THEIRS=OURS,...",
        help="map classes in --data to the run's: --classes Katze=cats,Hund=dogs",
    )


def check_classes(options: argparse.Namespace) -> None:
    """Rejects `--classes` without `--data`.

    Raises:
        BadInput: as the run's own images have its classes.
    """
    if options.classes and not options.data:
        raise BadInput("--classes needs --data PATH: the run's own images have its classes.")


def refuse_together(options: argparse.Namespace, flag: str, others: Sequence[str], why: str) -> None:
    """Rejects options that make no sense together with another one.

    Args:
        options: as read.
        flag: the option that was given.
        others: the options that cannot be combined with it.
        why: a sentence about `flag`.

    Raises:
        BadInput: naming the first of them.
    """
    for other in others:
        if getattr(options, other.lstrip("-").replace("-", "_")) not in (None, False):
            raise BadInput(f"{flag} cannot be combined with {other}. {why}")


def settings_and_flags(arguments: list[str], flags: Sequence[str], usage: str) -> tuple[list[str], set[str]]:
    """Separates settings from flags; prints `usage` and exits for `--help`.

    Raises:
        BadInput: for an unknown flag.
    """
    if "-h" in arguments or "--help" in arguments:
        print(usage)  # noqa: T201
        raise SystemExit(0)
    for position, word in enumerate(arguments):
        flag, sign, _ = word.partition("=")
        if flag in flags and sign:
            raise BadInput(f"{flag} takes no value. Received: {word}. Type: {flag}")
        if word.startswith("-") and word not in flags:
            raise unknown_option(arguments, position, flags)
    given = set(flags).intersection(arguments)
    return [word for word in arguments if word not in given], given


def unknown_option(words: Sequence[str], position: int, known: Sequence[str], takes_settings: bool = True) -> BadInput:
    """Returns the error for an unknown option; for `--lr 0.1`, where settings are allowed, it suggests `lr=0.1`."""
    word = words[position]
    if takes_settings:
        from catsdogs_exp.config.mistyped import not_a_setting

        refusal = not_a_setting(words, position)
        if not str(refusal).startswith("Unknown option"):
            return refusal
    here = f" For a file or folder with this name: ./{word}" if os.path.lexists(word) else ""
    names = {flag.lstrip("-"): flag for flag in known}
    near = difflib.get_close_matches(word.partition("=")[0].lstrip("-"), names, n=1, cutoff=0.6)
    guess = f" Did you mean {names[near[0]]}?" if near else ""
    return BadInput(f"Unknown option: {word}.{guess} Known: {', '.join(known) or 'none'}.{here}")
