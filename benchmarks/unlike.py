"""A7: how well a network's features tell its own kind of images from others, by several scores.

`python -m benchmarks unlike RUN PATH...`: the validation images of a run against folders of other images (`drawn`:
drawn animals). The appendix of `best.keras` uses the first score.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import markdown
from benchmarks.timing import say
from catsdogs_exp.config.compose import config_of
from catsdogs_exp.data.open_data import gather
from catsdogs_exp.data.sources.walking import Walker, image_files
from catsdogs_exp.data.turns import taking_turns
from catsdogs_exp.errors import BadInput
from catsdogs_exp.metrics.evaluation import ranking
from catsdogs_exp.metrics.familiarity import NEAREST, RARE, familiarity
from catsdogs_exp.record.folder.run_files import find_run, split_files

ABOUT = "A7: tells a run's validation images from those of other folders by their features"
_TRAIN = 100
_OTHERS = 500  # images of a folder, at most
_DRAWN = "drawn"

Features = NDArray[np.float64]
Score = Callable[[Features], NDArray[np.float64]]  # higher for familiar images


def main(words: list[str]) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser("python -m benchmarks unlike", description=__doc__, allow_abbrev=False)
    parser.add_argument("run", metavar="RUN", type=Path)
    parser.add_argument("others", metavar="PATH", nargs="+", help="a folder of images, or `drawn`")
    parsed = parser.parse_args(words)
    run = find_run(parsed.run)
    files = {split: split_files(run, split) for split in ("train", "validation")}
    names = sorted({name for _, name in files["train"]})
    labels = np.array([names.index(name) for _, name in files["train"]], np.int32)
    chosen = taking_turns(labels)[:_TRAIN]
    paths = {"train": [files["train"][row][0] for row in chosen.tolist()]}
    paths["validation"] = [path for path, _ in files["validation"]]
    paths |= {other: _some(other) for other in parsed.others}
    features = _features(run.network, paths)
    print(f"{run.folder}: {_TRAIN} training and {len(paths['validation'])} validation images\n")
    print(table(features, labels[chosen], parsed.others))
    return 0


def table(features: dict[str, Features], labels: NDArray[np.int32], others: Sequence[str]) -> str:
    """AUROC of each score against each folder, and the share of its images below the limit of validation images.

    Args:
        features: of the images of `train`, `validation` and each folder.
        labels: of the training images.
        others: names of the folders.
    """
    rows = []
    own = features["validation"]
    for name, score in scores(features["train"], labels, own).items():
        ordinary = score(own)
        limit = np.quantile(ordinary, RARE)
        found = {other: score(features[other]) for other in others}
        found["all"] = np.concatenate([found[other] for other in others])
        cells = (f"{_auroc(ordinary, values):.4f} ({(values < limit).mean():.2f})" for values in found.values())
        rows.append((name, *cells))
    head = [f"{Path(other).name} ({len(features[other])})" for other in others]
    return markdown(("score: AUROC (share marked)", *head, "all"), rows)


def scores(train: Features, labels: NDArray[np.int32], ordinary: Features) -> dict[str, Score]:
    """The scores that were compared."""
    known = familiarity(train, ordinary)
    if known is None:
        raise BadInput("There must be at least 20 training and 20 validation images, and finite features.")
    return {
        f"cosine to the {NEAREST} nearest, from the mean (chosen)": known.similarity,
        f"cosine to the {NEAREST} nearest": _cosine(train),
        f"Euclidean distance to the {NEAREST} nearest": _euclidean(train),
        "Mahalanobis distance to the nearest class": _mahalanobis(train, labels),
    }


def _cosine(train: Features) -> Score:
    def unit(values: Features) -> Features:
        return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12), np.float64)

    def score(values: Features) -> NDArray[np.float64]:
        return np.asarray(np.sort(unit(values) @ unit(train).T, axis=1)[:, -NEAREST:].mean(axis=1), np.float64)

    return score


def _euclidean(train: Features) -> Score:
    def score(values: Features) -> NDArray[np.float64]:
        squares = (values**2).sum(axis=1)[:, None] + (train**2).sum(axis=1) - 2 * values @ train.T
        return np.asarray(-np.sqrt(np.maximum(np.sort(squares, axis=1)[:, :NEAREST], 0)).mean(axis=1), np.float64)

    return score


def _mahalanobis(train: Features, labels: NDArray[np.int32]) -> Score:
    """Class means and a shared covariance, shrunk by a tenth towards a multiple of the identity (Lee et al., 2018)."""
    means = [train[labels == label].mean(axis=0) for label in np.unique(labels)]
    rest = np.concatenate([train[labels == label] - mean for label, mean in zip(np.unique(labels), means, strict=True)])
    covariance = rest.T @ rest / len(rest)
    size = len(covariance)
    precision = np.linalg.inv(0.9 * covariance + 0.1 * np.trace(covariance) / size * np.eye(size))
    return lambda values: (
        -np.min([np.einsum("ij,jk,ik->i", values - mean, precision, values - mean) for mean in means], axis=0)
    )


def _auroc(ordinary: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    area, _ = ranking(np.concatenate([ordinary, other]), np.arange(len(ordinary) + len(other)) < len(ordinary))
    assert area is not None
    return area


def _some(other: str) -> list[Path]:
    if other == _DRAWN:
        manifest = gather(config_of(["dataset=drawn", "dataset.images=300", "dataset.broken=0"]))
        return [manifest.path(row) for row in manifest.usable().tolist()]
    found = image_files([Path(other)], Walker())
    return [found[row] for row in np.random.default_rng(0).permutation(len(found))[:_OTHERS].tolist()]


def _features(network: Path, paths: dict[str, list[Path]]) -> dict[str, Features]:
    from catsdogs_exp.training.runtime import import_tensorflow

    import_tensorflow()
    from catsdogs_exp.data.images.decoding import Undecodable
    from catsdogs_exp.data.images.preparing import read_image
    from catsdogs_exp.insight.penultimate import features_of
    from catsdogs_exp.training.checkpoint.model_file import load_model

    model, card = load_model(network)
    found = {}
    for name, files in paths.items():
        images = []
        for path in files:
            try:
                images.append(read_image(path, card.preparation))
            except (Undecodable, OSError) as error:
                say(f"left out: {path}: {error}")
        batches = (np.stack(images[start : start + 32]) for start in range(0, len(images), 32))
        found[name] = features_of(model, batches).astype(np.float64)
        say(f"{name}: {len(images)} images")
    return found
