"""`python -m catsdogs_exp activations RUN IMAGE...`: how the layers of a run's network respond to any image."""

from catsdogs_exp.cli.arguments import a_path, run_parser
from catsdogs_exp.errors import BadInput, RunFailed


def main(arguments: list[str]) -> int:
    """Writes one page per image, and with --each one picture per layer."""
    parser = run_parser(
        "activations",
        "Draw how the layers of a run's network respond to an image: one page per image, in RUN/activations/.",
        "outputs/drawn/2026-01-31_12-00-00-abcd cat.jpg --layers 'block*_conv'",
    )
    parser.add_argument("images", metavar="IMAGE", type=a_path, nargs="+", help="image files or folders of them")
    parser.add_argument("--layers", nargs="+", default=["auto"], help="auto, all, or names and patterns of layers")
    parser.add_argument("--channels", type=int, default=64, help="maximum channels per layer; default: 64")
    parser.add_argument("--scale", choices=("channel", "layer"), default="channel", help="colour scale")
    parser.add_argument("--epoch", choices=("best", "last"), default="best", help="the best epoch, or the newest")
    parser.add_argument("--each", action="store_true", help="also one picture per layer")
    parser.add_argument("--output", type=a_path, help="a folder; default: RUN/activations")
    options = parser.read(arguments)
    if options.channels < 1:
        raise BadInput(f"--channels must be >= 1. Received: --channels {options.channels}")

    from catsdogs_exp.cli.named_images import named_images
    from catsdogs_exp.cli.screen import aside, output
    from catsdogs_exp.record.folder.run_files import find_run

    run = find_run(options.run)
    files = named_images(options.images)
    from catsdogs_exp.training.runtime import import_tensorflow

    import_tensorflow()
    from catsdogs_exp.inference.run_activations import draw_activations
    from catsdogs_exp.record.pictures.activation_page import Style
    from catsdogs_exp.record.pictures.files import save_new

    folder = options.output or run.folder / "activations"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"--output must be a folder. Received: {folder} ({error.strerror})") from error
    drawn = draw_activations(run, files, options.layers, Style(options.channels, options.scale), options.epoch)
    for each in drawn:
        if each.page is None:
            aside(f"error: {each.path}: {each.error}")
            continue
        page = save_new(each.page, folder, each.path.stem)
        output().say(str(page))
        if options.each:
            for number, (name, grid) in enumerate(each.grids.items(), start=1):
                save_new(grid, folder, f"{page.stem}-{number:02d}-{name}")
    missing = sum(each.page is None for each in drawn)
    return 0 if not missing else BadInput.exit_code if missing == len(drawn) else RunFailed.exit_code
