"""`python -m catsdogs_exp demo RUN [RUN_B]`: a page to drop, crop and classify images, and its HTTP interface."""

import importlib.util
from argparse import Namespace

from catsdogs_exp.cli.arguments import Parser, a_path, run_parser
from catsdogs_exp.errors import BadInput, Interrupted

_PORTS = 65535
_CTRL_C = 130


def main(arguments: list[str]) -> int:
    """Serves until Ctrl-C, which is the normal way to stop it."""
    options = _parser().read(arguments)
    _check(options)

    from catsdogs_exp.cli.screen import output
    from catsdogs_exp.inference.demo.address import PORT, Address, bind
    from catsdogs_exp.record.folder.run_files import find_run
    from catsdogs_exp.signals import interruptible

    runs = [find_run(path) for path in (options.run, options.run_b) if path is not None]
    console = output()
    bound = bind(Address(options.host, options.port))
    port = bound.socket.getsockname()[1]
    if options.port is None and port != PORT:
        console.say(f"port {PORT} is in use; this is the next free one: {port}")
    try:
        with interruptible(), bound.socket:
            from catsdogs_exp.training.runtime import import_tensorflow

            import_tensorflow()
            from catsdogs_exp.inference.demo.app import Demo
            from catsdogs_exp.inference.demo.examples import examples_of
            from catsdogs_exp.inference.demo.networks import networks_of
            from catsdogs_exp.inference.demo.server import serve

            networks = networks_of(runs)
            shown = " and ".join(network.name for network in networks)

            def started() -> None:
                for url in bound.urls:
                    console.say(f"{url} shows {shown}. Stop: Ctrl-C")

            serve(Demo(networks, examples_of(runs[0])), bound, started)
    except Interrupted as stopped:
        if stopped.exit_code != _CTRL_C:
            raise
    return 0


def _parser() -> Parser:
    parser = run_parser(
        "demo",
        "Serves a page: drop a picture, drag a crop box and watch the probabilities, the evidence (Grad-CAM) and the "
        "activations of every layer; two runs side by side. The same server answers POST /predict. Only this machine "
        "can open it, unless --host is given.",
        "outputs/drawn/2026-01-31_12-00-00-abcd",
    )
    parser.add_argument("run_b", metavar="RUN_B", type=a_path, nargs="?", help="a second run, shown next to the first")
    parser.add_argument("--port", type=int, help="default: 8420, or the next free one; 0: any free one")
    parser.add_argument(
        "--host", help="serve other machines, too: 0.0.0.0, or an address of this machine. They need the printed token"
    )
    return parser


def _check(options: Namespace) -> None:
    if options.port is not None and not 0 <= options.port <= _PORTS:
        raise BadInput(f"--port must be 0 (any free one) to {_PORTS}. Received: --port {options.port}")
    if options.host is not None and not options.host.strip():
        raise BadInput("--host must be an address of this machine: --host 0.0.0.0. Received an empty one")
    missing = [name for name in ("starlette", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise BadInput(
            f"demo needs {' and '.join(missing)}, not installed. Install the extra: pip install 'catsdogs-exp[demo]'"
        )
