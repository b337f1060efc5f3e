"""The schema of a config: frozen dataclasses. Defaults are only in `conf/`.

Every field carries its help text and its limits, so that validation, error messages and `--help` agree.
"""

from dataclasses import dataclass

from catsdogs_exp.config.schema.datasets import DATASETS, Dataset
from catsdogs_exp.config.schema.limits import RANGE, SIZE, setting
from catsdogs_exp.config.schema.models import MODELS, Model
from catsdogs_exp.config.schema.optimizers import AUTO, OPTIMIZERS, SCHEDULES, Optimizer, Schedule
from catsdogs_exp.config.schema.sweep import SweepSettings
from catsdogs_exp.config.schema.training import Training


@dataclass(frozen=True)
class Inspection:
    """Checks of the files before training. Nothing is moved or deleted."""

    rule: str = setting("which files count as data", choices=("none", "zero_length", "decode", "jfif", "strict"))
    min_size: int = setting("minimum shorter side, in pixels", at_least=1, at_most=4096)
    max_pixels: int = setting("maximum width x height", at_least=1, at_most=178_956_970)
    near_distance: int = setting(
        "bits by which near duplicates may differ; 0: exact copies only", at_least=0, at_most=16
    )
    on_bad: str = setting("what to do with unusable files", choices=("quarantine", "error"))
    duplicates: str = setting("what to do with copies within a split", choices=("keep", "drop"))
    leaks: str = setting(
        "what to do with copies of validation or test images in train", choices=("warn", "drop", "error")
    )


@dataclass(frozen=True)
class SplitSettings:
    """Fractions per class, if the data has no split folders, or folds."""

    validation: float = setting("fraction of each class for validation", at_least=0, below=1)
    test: float = setting("fraction of each class for testing", at_least=0, below=1)
    seed: int = setting("seed of the split", at_least=0)
    folds: int | None = setting("number of cross-validation folds", at_least=2)
    fold: int = setting("the fold used for validation, from 0", at_least=0)
    group_by: str | None = setting("regular expression on the path: images with the same match stay together")
    folders: str = setting(
        "how to read folders called train, val, test, ...",
        default="auto",
        choices=("auto", "splits", "classes", "merge"),
    )


RESIZES = ("stretch", "crop", "pad", "random_resized_crop")
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")


@dataclass(frozen=True)
class LoaderSettings:
    """How images become batches."""

    batch_size: int = setting("images per training step", at_least=1, at_most=65536)
    target_size: tuple[int, int] = setting("image height and width in pixels", at_least=1, at_most=4096, kind=SIZE)
    evaluation_size: tuple[int, int] | None = setting(
        "image size for validation, test and prediction; null: target_size", at_least=1, at_most=4096, kind=SIZE
    )
    channels: int = setting("3 for colour, 1 for grey", at_least=1, at_most=3)
    resize: str = setting("how images are resized to target_size", choices=RESIZES)
    pad_value: float = setting("grey level of the padding, for resize=pad", at_least=0, at_most=255)
    crop_scale: tuple[float, float] = setting(
        "fraction of the area, for random_resized_crop", above=0, at_most=1, kind=RANGE
    )
    crop_ratio: tuple[float, float] = setting(
        "width / height, for random_resized_crop", above=0, at_most=100, kind=RANGE
    )
    interpolation: str = setting("interpolation when resizing", choices=INTERPOLATIONS)
    cache: str = setting("where decoded images are cached", choices=("none", "memory", "disk", "auto"))
    cache_limit: float = setting("disk limit for all decoded images, in GiB", above=0)
    workers: int = setting("threads that read and augment; 0: one per core", at_least=0, at_most=256)


@dataclass(frozen=True)
class Augment:
    """Random changes to training images, in the units of Keras's `ImageDataGenerator`."""

    rotation_range: float = setting("degrees", at_least=0, at_most=180)
    width_shift_range: float = setting("fraction of the width", at_least=0, at_most=1)
    height_shift_range: float = setting("fraction of the height", at_least=0, at_most=1)
    shear_range: float = setting("degrees", at_least=0, below=90)
    zoom_range: tuple[float, float] = setting(
        "factors; below 1 enlarges the image", around=1, above=0, at_most=100, kind=RANGE
    )
    horizontal_flip: bool = setting("mirror half of the images")
    vertical_flip: bool = setting("flip half of the images upside down")
    fill_mode: str = setting("how to fill pixels beyond the edge", choices=("nearest", "reflect", "wrap", "constant"))
    fill_value: float = setting("for fill_mode=constant", at_least=0, at_most=255)
    brightness_range: tuple[float, float] = setting("factors", around=1, at_least=0, at_most=100, kind=RANGE)
    contrast_range: tuple[float, float] = setting("factors", around=1, at_least=0, at_most=100, kind=RANGE)
    saturation_range: tuple[float, float] = setting("factors", around=1, at_least=0, at_most=100, kind=RANGE)
    hue_range: float = setting("degrees of the colour circle", at_least=0, at_most=180)
    channel_shift_range: float = setting("grey levels, the same for all channels", at_least=0, at_most=255)
    greyscale: float = setting("probability of converting to grey", at_least=0, at_most=1)
    blur: float = setting("probability of blurring", at_least=0, at_most=1)
    blur_sigma: tuple[float, float] = setting(
        "standard deviation of the blur, in pixels", above=0, at_most=100, kind=RANGE
    )
    noise_range: float = setting("standard deviation of the noise, 0..n grey levels", at_least=0, at_most=255)
    erasing: float = setting("probability of erasing a rectangle", at_least=0, at_most=1)
    erasing_scale: tuple[float, float] = setting("fraction of the area to erase", above=0, at_most=1, kind=RANGE)
    erasing_ratio: tuple[float, float] = setting(
        "width / height of the erased rectangle", above=0, at_most=100, kind=RANGE
    )
    cutout: float = setting("side of an erased square, as a fraction of the shorter side", at_least=0, at_most=1)
    erased_value: float = setting("grey level of erased regions", at_least=0, at_most=255)
    policy: str = setting("random choice of operations", choices=("none", "randaugment", "trivialaugment"))
    num_ops: int = setting("operations per image, for policy=randaugment", at_least=1, at_most=14)
    magnitude: int = setting("their strength, for policy=randaugment", at_least=0, at_most=30)
    mixup: float = setting("alpha of Beta(alpha, alpha); 0: off", at_least=0, at_most=100)
    cutmix: float = setting("alpha of Beta(alpha, alpha); 0: off", at_least=0, at_most=100)
    custom: tuple[str, ...] = setting("plugin operations, in this order", default=())


@dataclass(frozen=True)
class ActivationSettings:
    """Activations of selected layers for fixed validation images: pictures and arrays."""

    every: int = setting("epochs; 0: only the best epoch; -1: never", at_least=-1)
    layers: str | tuple[str, ...] = setting("auto, all, or names and patterns of layers")
    images: int = setting("images per class", at_least=1, at_most=16)
    channels: int = setting("maximum number of channels per layer", at_least=1, at_most=4096)
    scale: str = setting("colour scale: one per channel, or one per layer", choices=("channel", "layer"))
    keep: float = setting(
        "limit for arrays kept for films and walls, in megabytes; 0: none", at_least=0, at_most=100_000
    )


@dataclass(frozen=True)
class ProbeSettings:
    """Linear probes: how well each layer separates the classes of validation images."""

    every: int = setting("epochs; 0: only the best epoch; -1: never", at_least=-1)
    images: int = setting("maximum number of validation images", at_least=8, at_most=100_000)


@dataclass(frozen=True)
class BoardSettings:
    """What TensorBoard shows besides curves, samples and activations."""

    every: int = setting("epochs between recordings; 0: only the best epoch; -1: never", at_least=-1)
    confusion: bool = setting("confusion matrix of the validation images")
    mistakes: int = setting("number of most confident mistakes on validation images; 0: none", at_least=0, at_most=256)
    filters: bool = setting("filters of the first convolution")
    grad_cam: bool = setting("Grad-CAM of the images whose activations are recorded")
    pr_curves: bool = setting("precision-recall curve of each class")
    per_class: bool = setting("F1 score of each class after each epoch")
    norms: bool = setting("norms of gradients and weights after each epoch")
    histograms: bool = setting("distribution of each weight")
    embedding: int = setting("maximum number of validation images in the projector; 0: none", at_least=0, at_most=5000)
    graph: bool = setting("the network's graph")


@dataclass(frozen=True, kw_only=True)
class Logging:
    """What a run records besides metrics.csv and result.json."""

    tensorboard: bool = setting("write event files")
    listeners: tuple[str, ...] = setting("listeners registered by plugins", default=())
    mlflow: bool = setting("write to an MLflow tracking server or store", default=False)
    mlflow_uri: str | None = setting("MLflow's URI; null: the environment variable MLFLOW_TRACKING_URI", default=None)
    samples: int = setting("number of augmented training images to show", at_least=0, at_most=256)
    report: bool = setting("write report.html at the end", default=True)
    familiarity: int = setting(
        "maximum number of training images whose features are kept with the network; 0: none",
        default=0,
        at_least=0,
        at_most=10_000,
    )
    profile: bool = setting("trace some steps and report the bottleneck, like --profile")
    board: BoardSettings
    activations: ActivationSettings
    probes: ProbeSettings


@dataclass(frozen=True, kw_only=True)
class Config:
    """One run, validated. The groups hold what the run uses; the flat keys are what the user typed."""

    lr: float | str = setting("learning rate; auto: find one first", above=0, word=AUTO)
    batch_size: int = setting("images per training step", at_least=1, at_most=65536)
    target_size: tuple[int, int] = setting("image height and width in pixels", at_least=1, at_most=4096, kind=SIZE)
    depth: int = setting("blocks of convolution + pooling", at_least=1, at_most=16)
    epochs: int | str = setting(
        "passes over the training images; auto: as many as training.max_minutes allows", at_least=1, word=AUTO
    )
    seed: int = setting("seed for weights, shuffling and augmentation", at_least=0, at_most=2**31 - 1)
    output_dir: str = setting("folder in which run folders are created")
    experiment: str | None = setting("the recipe's name, if one was chosen")
    plugins: tuple[str, ...] = setting("your own modules to import", default=())
    dataset: Dataset
    inspection: Inspection
    split: SplitSettings
    loader: LoaderSettings
    augment: Augment
    model: Model
    optimizer: Optimizer
    schedule: Schedule
    training: Training
    logging: Logging
    sweep: SweepSettings


# Groups whose choices have different keys; the entry `name` selects the dataclass.
VARIANTS: dict[str, dict[str, type]] = {
    "dataset": DATASETS,
    "model": MODELS,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
}
FLAT_KEYS = ("lr", "batch_size", "target_size", "depth", "epochs", "seed")
