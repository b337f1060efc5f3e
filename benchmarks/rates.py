"""A6: the accuracy lost by `lr=auto` against the best of seven learning rates, and the duration of its search.

Every cell of the panel (network, optimizer, images) is trained with each rate of the grid and with `lr=auto`.
Measurements are stored in a file, so that a stopped benchmark can continue and parts can be run separately. The grid
does not depend on how `lr=auto` searches: after a change of the search, `--again` measures only `lr=auto` anew.
"""

import contextlib
import hashlib
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from statistics import fmean

import yaml

from benchmarks.options import Options, heading
from benchmarks.photos import CHECKOUT, path_override
from benchmarks.table import markdown
from benchmarks.timing import say
from catsdogs_exp.errors import BadInput, did_you_mean

GRID = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
MODELS = {
    "cnn": ("model=cnn",),
    "resnet": ("model=resnet", "model.filters=16", "model.blocks=1"),
    "mbconv": ("model=mbconv", "model.filters=16", "model.blocks=1"),
}
OPTIMIZERS = ("rmsprop", "adam", "sgd", "muon")
DATA = ("drawn", "photos")
_COMMON = (
    "depth=3",
    "target_size=48",
    "batch_size=20",
    "epochs=5",
    "training.intra_op_threads=1",
    "training.inter_op_threads=1",
    "training.checkpoint.every=never",
    "logging.tensorboard=false",
    "logging.activations.every=-1",
)
_DRAWN = ("dataset=drawn", "dataset.images=2000", "dataset.broken=0", "split.validation=0.4")
_LOST, _SHARE = 0.02, 0.2  # the targets
RESULTS = CHECKOUT / "outputs" / "rates.jsonl"


@dataclass(frozen=True)
class Cell:
    """One cell of the panel."""

    model: str
    optimizer: str
    data: str

    def __str__(self) -> str:
        return f"{self.model}, {self.optimizer}, {self.data}"

    def settings(self, photos: Path | None, quick: bool) -> tuple[str, ...]:
        """The overrides, without learning rate and seed."""
        source: tuple[str, ...] = _DRAWN
        if self.data == "photos":
            assert photos is not None
            source = ("dataset=archive", path_override(photos))
        small = ("dataset.max_per_class=40", "epochs=1", "target_size=32", "depth=2") if quick else ()
        return (*source, *MODELS[self.model], f"optimizer={self.optimizer}", *_COMMON, *small)


@dataclass(frozen=True)
class Measured:
    """One training.

    Attributes:
        settings: digest of the overrides, without rate and seed.
        seed: for weights and shuffling.
        asked: the requested learning rate: a number or `auto`.
        rate: the one that was used; 0 if none was found.
        accuracy: validation accuracy of the best epoch; 0 if the run failed.
        seconds: of the whole run, including a search.
        search: seconds of the search.
    """

    settings: str
    seed: int
    asked: str
    rate: float
    accuracy: float
    seconds: float
    search: float


@dataclass(frozen=True)
class Loss:
    """What `lr=auto` loses in a cell: means over seeds.

    Attributes:
        best: accuracy of the best rate of the grid.
        best_rate: that rate.
        found: accuracy with `lr=auto`.
        found_rates: the rates found, one per seed.
        share: seconds of the search divided by those of the whole grid.
    """

    best: float
    best_rate: float
    found: float
    found_rates: tuple[float, ...]
    share: float

    @property
    def lost(self) -> float:
        """Accuracy lost, without float32 noise; negative if `lr=auto` is better than the grid."""
        return round(self.best - self.found, 6)


def run(options: Options) -> str:
    """Measures what is missing and returns the table."""
    load = os.getloadavg()[0]
    cells = chosen(options.only, options.photos is not None)
    path = options.results or RESULTS
    path.parent.mkdir(parents=True, exist_ok=True)
    _read(path)  # rejected before anything is trained
    _end_line(path)
    for cell, seed in product(cells, range(options.rounds)):
        _measure(cell, seed, options, path)
    losses = {}
    for cell in cells:
        digest = _digest(cell.settings(options.photos, options.quick))
        losses[cell] = loss_of([each for each in _read(path) if each.settings == digest and each.seed < options.rounds])
    details = (
        "48 x 48 pixels, 5 epochs, batches of 20; drawn: 1,200 training and 800 validation images; "
        f"photos: {options.photos.name if options.photos else 'none'}; "
        f"{len(cells)} of {len(MODELS) * len(OPTIMIZERS) * len(DATA)} cells"
    )
    seeds = f"mean of {options.rounds} seeds" if options.rounds > 1 else "one seed"
    return f"{heading('rates', options, details, load, seeds)}\n{table(losses)}"


def chosen(only: Sequence[str], photos: bool) -> list[Cell]:
    """The cells that match one of the names on each named axis.

    Raises:
        BadInput: for an unknown name, or if nothing is left.
    """
    axes = (tuple(MODELS), OPTIMIZERS, DATA if photos else DATA[:1])
    known = [name for axis in axes for name in axis]
    for name in only:
        if name not in known:
            guess = did_you_mean(name, known)
            raise BadInput(f"--only must name parts of the panel: {', '.join(known)}. Received: {name}.{guess}")
    kept = [[name for name in axis if name in only] or axis for axis in axes]
    return [Cell(*names) for names in product(*kept)]


def loss_of(measured: Sequence[Measured]) -> Loss:
    """Compares `lr=auto` with the grid for one cell."""
    grid = {rate: [each for each in measured if each.asked == f"{rate:g}"] for rate in GRID}
    auto = sorted((each for each in measured if each.asked == "auto"), key=lambda each: each.seed)
    means = {rate: fmean(each.accuracy for each in runs) for rate, runs in grid.items()}
    best = max(means, key=lambda rate: means[rate])
    return Loss(
        best=means[best],
        best_rate=best,
        found=fmean(each.accuracy for each in auto),
        found_rates=tuple(each.rate for each in auto),
        share=sum(each.search for each in auto) / sum(each.seconds for runs in grid.values() for each in runs),
    )


def table(losses: dict[Cell, Loss]) -> str:
    """One row per cell, and one for the worst."""
    rows = [
        (
            str(cell),
            f"{loss.best:.3f} (lr={loss.best_rate:g})",
            f"{loss.found:.3f} (lr={', '.join(f'{rate:g}' for rate in loss.found_rates)})",
            f"{round(loss.lost, 3) + 0:.3f}",  # never -0.000
            f"{loss.share:.2f}",
            _yes(loss.lost <= _LOST and loss.share <= _SHARE),
        )
        for cell, loss in losses.items()
    ]
    lost, share = max(each.lost for each in losses.values()), max(each.share for each in losses.values())
    mean = fmean(each.lost for each in losses.values())
    rows.append(("mean lost", "", "", f"{mean:.3f}", "", ""))
    rows.append(("A6: the worst", "", "", f"{lost:.3f}", f"{share:.2f}", _yes(lost <= _LOST and share <= _SHARE)))
    header = ("cell", "best of seven rates", "lr=auto", "lost (<= 0.02)", "search / grid (<= 0.2)", "reached")
    return markdown(header, rows)


def _yes(reached: bool) -> str:
    return "yes" if reached else "no"


def _measure(cell: Cell, seed: int, options: Options, path: Path) -> None:
    settings = cell.settings(options.photos, options.quick)
    digest = _digest(settings)
    done = {each.asked for each in _read(path) if (each.settings, each.seed) == (digest, seed)}
    if options.again:
        done.discard("auto")
    missing = [asked for asked in (*(f"{rate:g}" for rate in GRID), "auto") if asked not in done]
    if not missing:
        return
    context = multiprocessing.get_context("spawn")  # each cell in its own process: TensorFlow does not free graphs
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        pool.submit(_train_all, settings, seed, missing, digest, path).result()
    say(f"{cell}, seed {seed}: done")


def _train_all(settings: tuple[str, ...], seed: int, missing: Sequence[str], digest: str, path: Path) -> None:
    from catsdogs_exp.config.compose import config_of
    from catsdogs_exp.data.open_data import open_data
    from catsdogs_exp.training.runtime import import_tensorflow

    with _silent(), tempfile.TemporaryDirectory() as outputs:
        open_data(config_of(settings), lambda *_: None, lambda _: None)  # draws, unpacks and decodes: not timed
        import_tensorflow()
        for asked in missing:
            parent = multiprocessing.parent_process()
            if parent is None or not parent.is_alive():  # killed: the rest is not needed
                return
            folder = Path(outputs) / asked
            measured = _train([*settings, f"seed={seed}", f"lr={asked}", f"output_dir={folder}"], folder)
            rate = measured["rate"] if asked == "auto" else float(asked)
            line = Measured(digest, seed, asked, rate, measured["accuracy"], measured["seconds"], measured["search"])
            with path.open("a", encoding="utf-8") as handle:
                handle.write(json.dumps(asdict(line)) + "\n")


def _train(words: list[str], folder: Path) -> dict[str, float]:
    from catsdogs_exp.__main__ import main

    started = time.perf_counter()
    code = main(words)
    seconds = time.perf_counter() - started
    (found,) = folder.rglob("result.json")
    result = json.loads(found.read_text(encoding="utf-8"))
    rate = yaml.safe_load((found.parent / "config.yaml").read_text(encoding="utf-8"))["lr"]
    return {
        "rate": rate if isinstance(rate, float) else 0.0,
        "accuracy": result["metrics"]["val"]["accuracy"] if code == 0 else 0.0,
        "seconds": seconds,
        "search": result["lr_search_seconds"] or 0.0,
    }


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        yield


def _read(path: Path) -> list[Measured]:
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    try:
        found = [Measured(**json.loads(line)) for line in lines if line.endswith("}")]  # others were cut off by a kill
    except (ValueError, TypeError) as error:
        raise BadInput(f"--results must be a file that this benchmark wrote. Received: {path} ({error})") from error
    return list({(each.settings, each.seed, each.asked): each for each in found}.values())  # the last of each


def _end_line(path: Path) -> None:
    """Starts a new line if a kill has cut off the last one."""
    if path.is_file() and not path.read_bytes().endswith(b"\n") and path.stat().st_size:
        with path.open("a", encoding="utf-8") as handle:
            handle.write("\n")


def _digest(settings: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(settings).encode()).hexdigest()[:12]
