"""`python -m catsdogs_exp board [PATH]`: TensorBoard on a run, a sweep or a folder of runs."""

import shlex
from pathlib import Path

from catsdogs_exp.cli.arguments import path_of
from catsdogs_exp.errors import BadInput, Interrupted
from catsdogs_exp.signals import interruptible

_DEFAULT = "outputs"
_USAGE = """Usage: python -m catsdogs_exp board [PATH] [--port N] [flags of TensorBoard]

Starts TensorBoard on a run, a sweep or a folder that contains runs (default: outputs), prints its URL and
serves it to this machine only, until Ctrl-C. Each run has two short names, NAME/train and NAME/validation;
all pictures of a series are kept. Further flags are passed on: --host, --bind_all, --reload_interval, ...

  python -m catsdogs_exp board
  python -m catsdogs_exp board outputs/drawn --port 6007"""
_PORTS = 65535
_CTRL_C = 130


def main(arguments: list[str]) -> int:
    """Serves until TensorBoard exits; Ctrl-C is the normal way to stop it, not a failure."""
    if "-h" in arguments or "--help" in arguments:
        print(_USAGE)  # noqa: T201
        return 0
    path, flags = _read(arguments)

    from catsdogs_exp.cli.screen import output
    from catsdogs_exp.record.board_server import serve

    console = output()
    try:
        with interruptible():
            code = serve(path, flags, console.say)
    except Interrupted as stopped:
        if stopped.exit_code != _CTRL_C:
            raise
        return 0
    if code:
        raise BadInput(f"TensorBoard ended with exit code {code}; flags passed on: {shlex.join(flags) or 'none'}")
    return 0


def _read(words: list[str]) -> tuple[Path, list[str]]:
    """Splits the words into PATH, which must come first, and TensorBoard's flags with their values."""
    path = _DEFAULT
    if words and not words[0].startswith("-"):
        path, *words = words
    for place, word in enumerate(words):
        name, sign, value = word.partition("=")
        if name in ("--logdir", "--logdir_spec"):
            raise BadInput(f"board takes the folder first. Received: {word}. Type: board PATH")
        if name == "--port":
            value = value if sign else (words[place + 1] if place + 1 < len(words) else "")
            if not value.isdecimal() or int(value) > _PORTS:
                raise BadInput(f"--port must be a whole number from 0 (any free one) to {_PORTS}. Received: {value}")
        before = words[place - 1] if place else "="
        if not word.startswith("-") and (not before.startswith("-") or "=" in before):
            raise BadInput(f"board takes one PATH, first. Received: {shlex.join([path, *words])}")
    return path_of("PATH", path), words
