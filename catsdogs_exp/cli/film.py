"""`python -m catsdogs_exp film RUN`: how the layers of a network formed, epoch by epoch."""

from pathlib import Path

from catsdogs_exp.cli.arguments import run_parser
from catsdogs_exp.errors import BadInput, did_you_mean


def main(arguments: list[str]) -> int:
    """Writes `RUN/activations/film-PROBE.webp` (and `.gif` with --gif) from the epochs that the run recorded."""
    parser = run_parser(
        "film",
        "A film of the layers forming, from the activations recorded by a run (logging.activations.every and .keep).",
        "outputs/drawn/2026-01-31_12-00-00-abcd --layers block1_conv block2_conv",
    )
    parser.add_argument("--layers", nargs="+", help="names or patterns of layers that were kept; default: all")
    parser.add_argument("--channels", type=int, default=32, help="maximum channels per layer; default: 32")
    parser.add_argument("--probe", help="one of the images; default: all")
    parser.add_argument("--seconds", type=float, default=0.5, help="per frame; default: 0.5")
    parser.add_argument("--gif", action="store_true", help="also write a GIF")
    options = parser.read(arguments)
    if options.channels < 1:
        raise BadInput(f"--channels must be >= 1. Received: --channels {options.channels}")
    if not 0.02 <= options.seconds <= 60:
        raise BadInput(f"--seconds must be in 0.02..60. Received: --seconds {options.seconds:g}")

    from catsdogs_exp.cli.screen import output
    from catsdogs_exp.record.activation_arrays import epoch_files, read_activations
    from catsdogs_exp.record.folder.run_files import find_run, read_result
    from catsdogs_exp.record.pictures.files import file_name, new_file
    from catsdogs_exp.record.pictures.film import frames, write_film

    run = find_run(options.run)
    folder, classes = run.folder / "activations", read_result(run.folder).get("classes") or ()
    epochs = [read_activations(path) for path in epoch_files(folder)]
    if len(epochs) < 2:
        raise BadInput(
            f"A film needs at least two recorded epochs. Received: {len(epochs)} in {folder}. "
            "Train with logging.activations.every=1"
        )
    probes = epochs[0].probes
    if options.probe is not None and options.probe not in probes:
        raise BadInput(
            f"--probe must be one of {', '.join(probes)}. Received: {options.probe}."
            f"{did_you_mean(options.probe, probes)}"
        )
    layers = options.layers or ["*"]
    for number, name in enumerate(probes):
        if options.probe not in (None, name):
            continue
        pictures = frames(epochs, number, layers, options.channels, classes)
        stem = Path(file_name(name)).stem
        for suffix in (".webp", *((".gif",) if options.gif else ())):
            path = new_file(folder, f"film-{stem}", suffix)
            write_film(pictures, path, options.seconds)
            output().say(f"{path}: {len(pictures)} epochs")
    return 0
