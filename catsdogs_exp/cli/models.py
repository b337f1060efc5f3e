"""`python -m catsdogs_exp models [PATTERN|NAME] [key=value ...]`: available networks, or the layers of one."""

import argparse
import fnmatch
import time
from typing import TYPE_CHECKING, Any

from catsdogs_exp.cli.arguments import Parser
from catsdogs_exp.cli.json_output import put_json
from catsdogs_exp.errors import BadInput, did_you_mean

if TYPE_CHECKING:  # slow imports
    from catsdogs_exp.config.known_models import KnownModel
    from catsdogs_exp.models.counting import LayerCost

_DESCRIPTION = (
    "The networks for `model=NAME`: total and trainable parameters, multiply-adds for an image of the input size, "
    "preprocessing, and the best result of a recipe. A PATTERN also searches the backbones of keras.applications, for "
    "model=transfer. A full NAME lists the layers of one network. Settings are taken into account."
)


def main(arguments: list[str]) -> int:
    """Prints a table of networks or layers, or JSON."""
    parser = Parser(
        "models",
        takes_settings=True,
        description=_DESCRIPTION,
        epilog="Example: python -m catsdogs_exp models MobileNetV2 target_size=224",
    )
    parser.add_argument("words", metavar="NAME|PATTERN|key=value", nargs="*", help="such as cnn, 'course_*' or depth=4")
    parser.add_argument("--quick", action="store_true", help="skip what requires building the networks")
    parser.add_argument("--classes", type=int, default=2, metavar="N", help="number of classes; default: 2")
    parser.add_argument("--json", action="store_true", help="as JSON on stdout")
    options = parser.read(arguments)
    settings = [word for word in options.words if "=" in word or word[0] in "+~"]
    patterns = [word for word in options.words if word not in settings]
    if len(patterns) > 1:
        raise BadInput(f"One NAME or PATTERN, in quotes. Received: {' '.join(patterns)}")
    if options.classes < 2:
        raise BadInput(f"--classes must be a whole number >= 2. Received: --classes={options.classes}")

    from catsdogs_exp.config import plugins

    plugins.load(plugins.named(settings))
    meant = _meant(patterns[0] if patterns else None)
    if patterns and _is(patterns[0], meant[0]) and not options.quick:
        return _layers(meant[0], settings, options.classes, options.json)
    return _table(meant, settings, options)


def _meant(pattern: str | None) -> list["KnownModel"]:
    """Returns the network or backbone of this name, or those that match or contain it; None: all networks."""
    from catsdogs_exp.config.known_models import known_backbones, known_models

    networks = known_models()
    if pattern is None:
        return networks
    known = [*networks, *known_backbones()]
    whole = [each for each in known if _is(pattern, each)]
    if whole:
        return whole[:1]
    low = pattern.lower()
    found = [each for each in known if fnmatch.fnmatch(each.name.lower(), low)]
    found = found or [each for each in known if low in each.name.lower()]
    if not found:
        near = did_you_mean(pattern, [each.name for each in known])
        raise BadInput(
            f"No network matches: {pattern}.{near} Known: {', '.join(each.name for each in networks)}; "
            "and backbones of keras.applications, which models '*' lists."
        )
    return found


def _is(word: str, known: "KnownModel") -> bool:
    return word.lower() == known.name.lower()


def _table(meant: list["KnownModel"], settings: list[str], options: argparse.Namespace) -> int:
    from catsdogs_exp.config.recipe_results import recipe_results

    rows: dict[str, dict[str, Any]] = {
        known.name: {"name": known.name, "target_size": list(known.target_size), "description": known.description}
        for known in meant
    }
    for found in sorted(recipe_results(), key=lambda each: (not each.data, each.best()[1])):  # the last one is shown
        metric, value = found.best()
        if found.model in rows:
            told = {"metric": metric, "value": round(value, 4), "experiment": found.recipe, "data": found.data or None}
            rows[found.model]["reached"] = told
    if not options.quick:
        _count(meant, rows, settings, options.classes)
    if options.json:
        empty = {"reached": None}
        put_json([empty | row for row in rows.values()])
    else:
        _print_table(list(rows.values()), not options.quick)
    return 0


def _count(meant: list["KnownModel"], rows: dict[str, dict[str, Any]], settings: list[str], classes: int) -> None:
    """Adds what is only known once a network is built; if one cannot be built here, prints the reason to stderr."""
    from catsdogs_exp.cli.screen import TerminalScreen
    from catsdogs_exp.config.compose import config_of
    from catsdogs_exp.config.known_models import values_of

    screen = TerminalScreen()
    screen.say(f"building {len(meant)} networks to count parameters (skip with --quick)")
    for number, known in enumerate(meant, start=1):
        about: dict[str, Any] = {}
        counts: dict[str, Any] = dict.fromkeys(("parameters", "trained", "multiply_adds"))
        try:
            config = config_of([*known.chosen_by, *settings])
            about |= {"target_size": list(config.loader.target_size), "channels": config.loader.channels}
            about |= {"pixels": values_of(config.model)}
            layers, seconds = _built(config, classes)
            counts |= _sums(layers)
            said = f"{len(layers)} layers, {seconds:.1f} s"
        except BadInput as error:
            said = str(error)
        screen.say(f"[{number}/{len(meant)}] {known.name}: {said}")
        rows[known.name] |= about | counts
    screen.close()


def _sums(layers: list["LayerCost"]) -> dict[str, int]:
    return {key: sum(getattr(layer, key) for layer in layers) for key in ("parameters", "trained", "multiply_adds")}


def _built(config: Any, classes: int) -> tuple[list["LayerCost"], float]:
    """Returns the layers of a network, and how long it took to build."""
    from catsdogs_exp.training.runtime import import_tensorflow

    import_tensorflow()
    import keras

    from catsdogs_exp.config.known_models import without_weights
    from catsdogs_exp.models import build_model
    from catsdogs_exp.models.counting import costs

    keras.backend.clear_session()
    started = time.perf_counter()
    model = without_weights(config.model)  # counted, not used: nothing is downloaded
    network = build_model(model, config.loader.target_size, classes, config.loader.channels)
    return costs(network), time.perf_counter() - started


def _layers(known: "KnownModel", settings: list[str], classes: int, as_json: bool) -> int:
    from catsdogs_exp.cli.screen import TerminalScreen, output, table
    from catsdogs_exp.config.compose import config_of

    config = config_of([*known.chosen_by, *settings])
    screen = TerminalScreen()
    screen.say(f"building {known.name}")
    layers, seconds = _built(config, classes)
    screen.say(f"{len(layers)} layers, {seconds:.1f} s")
    screen.close()
    sums = _sums(layers)
    if as_json:
        plain = [vars(layer) | {"shape": list(layer.shape)} for layer in layers]
        put_json({"name": known.name, **sums, "layers": plain})
        return 0
    listed = table("layer", "kind", "output")
    for head in ("parameters", "trained", "multiply-adds"):
        listed.add_column(head, justify="right")
    for layer in layers:
        shape = " x ".join(map(str, layer.shape))
        counts = (layer.parameters, layer.trained, layer.multiply_adds)
        listed.add_row(layer.name, layer.kind, shape, *(f"{count:,}" for count in counts))
    console = output()
    console.print(listed)
    console.say(
        f"{sums['parameters']:,} parameters, {sums['trained']:,} trained, "
        f"{sums['multiply_adds']:,} multiply-adds per image"
    )
    return 0


def _print_table(rows: list[dict[str, Any]], counted: bool) -> None:
    from catsdogs_exp.cli.screen import output, table

    console = output()
    listed = table("name", "input")
    if counted:
        listed.add_column("pixels become")
        for head in ("parameters", "trained", "multiply-adds"):
            listed.add_column(head, justify="right")
    listed.add_column("reached")
    listed.add_column("description", no_wrap=not console.is_terminal, overflow="fold")
    for row in rows:
        cells = [row["name"], "x".join(map(str, [*row["target_size"], row.get("channels", 3)]))]
        if counted:
            cells += [row.get("pixels", "-")]
            cells += [_short(row[key]) for key in ("parameters", "trained", "multiply_adds")]
        told = row.get("reached")
        cells.append(_told(told) if told else "")
        listed.add_row(*cells, row["description"])
    console.print(listed)


def _told(reached: dict[str, Any]) -> str:
    on = f" on {reached['data']}" if reached["data"] else ""
    return f"{reached['metric']} {reached['value']:.3f} ({reached['experiment']}{on})"


def _short(count: int | None) -> str:
    return "-" if count is None else f"{count:,}" if count < 10**7 else f"{count / 1e6:,.1f} M"
