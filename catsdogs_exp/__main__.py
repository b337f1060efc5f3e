"""The command line: the first word selects a command; without one, or with `key=value`, it trains a network."""

import importlib
import shlex
import sys

from catsdogs_exp import process
from catsdogs_exp.errors import BadInput, Interrupted, RunFailed, did_you_mean, of_the_disk
from catsdogs_exp.printable import printable

COMMANDS = {
    "resume": "continue a run or a sweep exactly where it stopped, or train a finished one longer",
    "repeat": "run the same config again and check that the result is identical",
    "find-lr": "find a learning rate: a curve, a table and the best one",
    "inspect": "what is in the data, and its problems",
    "models": "available networks with their parameters, or the layers of one",
    "show": "draw augmented training images and the model's summary, without training",
    "report": "the page of a run: how it went, how sure that is, what to try next",
    "evaluate": "evaluate a run's network on one of its splits",
    "predict": "classes and probabilities for your own images",
    "export": "the network of a run for other programs, checked on every validation image",
    "activations": "how the layers of a run's network respond to any image",
    "film": "how the layers of a run's network formed, epoch by epoch",
    "atlas": "what each channel of a run's network detects, and how much it is used",
    "compare": "compare runs, best first, by the settings that differ",
    "board": "TensorBoard on a run, a sweep or all runs",
    "grade": "grade a run by the course's own criteria",
    "demo": "a page to drop, crop and classify images, and its HTTP interface",
    "cache": "decoded images on disk: list or clear them",
}

_TRAINING = ("train", "resume", "repeat")  # their output can be lost: the run folder contains it
_PRINTS = frozenset({"-h", "--help", "--version", "-c", "--cfg", "-i", "--info", "--hydra-help"})  # except with these


def main(arguments: list[str] | None = None) -> int:
    """Runs a command. Returns the exit code: 0, 1 for a failed run, 2 for bad input, 129/130/143 when interrupted."""
    with process.command_line():
        return _answer(sys.argv[1:] if arguments is None else arguments)


def _answer(words: list[str]) -> int:
    try:
        words, plugins = _without_plugins(words)
        command, rest = _command(words)
        if plugins:
            from catsdogs_exp.config.plugins import load  # noqa: PLC0415  (who has none does not pay for it)

            load(plugins)
            if command == "train":
                rest = [f"plugins=[{','.join(plugins)}]", *rest]
        module = importlib.import_module(f"catsdogs_exp.cli.{command.replace('-', '_')}")
        code = int(module.main(rest))
        lost = process.lost_output()
        if lost is not None and (command not in _TRAINING or not _PRINTS.isdisjoint(rest)):
            raise RunFailed(f"The output could not be written to stdout: {lost.strerror}")
        return code
    except (BadInput, RunFailed) as error:
        return _failed(error)
    except OSError as error:
        reworded = of_the_disk(error)
        if reworded is None:
            raise
        return _failed(reworded)
    except Interrupted as error:
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def _failed(error: BadInput | RunFailed) -> int:
    print(f"error: {printable(str(error))}", file=sys.stderr)  # noqa: T201
    return error.exit_code


def _without_plugins(words: list[str]) -> tuple[list[str], list[str]]:
    """Splits off `--plugins a,b`, which all commands accept: returns the other words and the plugins."""
    kept, names = [], []
    rest = iter(words)
    for word in rest:
        flag, sign, value = word.partition("=")
        if flag != "--plugins":
            kept.append(word)
            continue
        value = value if sign else next(rest, "")
        found = [name.strip() for name in value.strip("[]").split(",") if name.strip()]
        if not found:
            raise BadInput("--plugins must name modules: --plugins my_networks. Received none")
        names += found
    return kept, names


def _command(words: list[str]) -> tuple[str, list[str]]:
    first = words[0] if words else ""
    if first in COMMANDS:
        return first, words[1:]
    if not first or first[0] in "-+~" or "=" in first:
        return "train", words
    if first == "train":
        without = shlex.join(["python", "-m", "catsdogs_exp", *words[1:]])
        raise BadInput(f"Training needs no command. Received: train. Type: {without}")
    if first in ("help", "version"):
        raise BadInput(f"Unknown command: {first}. Type: python -m catsdogs_exp --{first}")
    from catsdogs_exp.config.mistyped import not_a_setting  # noqa: PLC0415  (only a mistake needs it)

    refusal = not_a_setting(words)
    if "Type: " in str(refusal) or "dataset.path=" in str(refusal):
        raise refusal
    raise BadInput(
        f"Unknown command: {first}.{did_you_mean(first, COMMANDS)} Commands: {', '.join(COMMANDS)}. "
        "To train, type key=value pairs, or nothing."
    )


def console() -> int:
    """Runs the command that was typed, as `main` does, in a process that ends afterwards."""
    with process.about_to_end():
        return main()


if __name__ == "__main__":
    sys.exit(console())
