"""Settings of staged residual networks, in which each stage halves the resolution. Needs no TensorFlow."""

from dataclasses import dataclass

from catsdogs_exp.config.schema.limits import setting
from catsdogs_exp.errors import BadInput

MOST_FILTERS = 4096
STEMS = {"plain": 1, "strided": 2, "deep": 4, "pooled": 4}
"""Stems, with the factor by which each shrinks the sides."""


@dataclass(frozen=True)
class StagedModel:
    """Settings of every staged network: a stem, stages of residual blocks, and global average pooling."""

    name: str
    depth: int = setting("stages; each but the first halves the size", at_least=1, at_most=16)
    blocks: tuple[int, ...] = setting("residual blocks per stage, or one number per stage", at_least=1, at_most=64)
    filters: tuple[int, ...] = setting(
        "filters of the first stage, then doubled; or one number per stage", at_least=8, at_most=MOST_FILTERS
    )
    stem: str = setting("the first layers", choices=tuple(STEMS))
    norm: str = setting("normalisation between the layers", choices=("batch", "group", "layer"))
    activation: str = setting("activation between the layers", choices=("relu", "silu", "gelu"))
    squeeze: float = setting("squeeze-and-excitation channels, as a fraction; 0: off", at_least=0, at_most=1)
    stochastic_depth: float = setting("probability of skipping the last block in training", at_least=0, below=1)
    dropout: float = setting("dropout rate before the last layer", at_least=0, below=1)
    head: str = setting("the last layer", choices=("auto", "softmax"))


@dataclass(frozen=True)
class ResnetModel(StagedModel):
    """Blocks of two 3 x 3 convolutions, with normalisation before each."""

    shortcut: str = setting("how the shortcut of a stage's first block halves the size", choices=("average", "strided"))


@dataclass(frozen=True)
class MbconvModel(StagedModel):
    """Blocks that expand the channels, convolve spatially, and project back."""

    expansion: float = setting("channel expansion factor inside a block", at_least=1, at_most=16)
    fused: int = setting("leading stages with one regular 3 x 3 convolution instead of two", at_least=0)


def stages_of(model: StagedModel) -> list[tuple[int, int]]:
    """Returns the filters and blocks of each stage, from the input upwards."""
    count = model.depth
    filters = model.filters if len(model.filters) == count else tuple(model.filters[0] * 2**n for n in range(count))
    blocks = model.blocks if len(model.blocks) == count else model.blocks * count
    return list(zip(filters, blocks, strict=True))


def check_stages(model: StagedModel, target_size: tuple[int, int]) -> None:
    """Rejects lists whose length differs from the number of stages, and stages that would have no pixels left.

    Raises:
        BadInput: names the setting and the next step.
    """
    for key, values in (("blocks", model.blocks), ("filters", model.filters)):
        if len(values) not in (1, model.depth):
            shown = ",".join(map(str, values))
            raise BadInput(
                f"model.{key} must be one number or one for each of the depth={model.depth} stages. "
                f"Received: model.{key}=[{shown}]." + (f" Set depth={len(values)}" if values else "")
            )
    largest, side = 1, -(-min(target_size) // STEMS[model.stem])
    while side > 1:
        largest, side = largest + 1, -(-side // 2)
    if model.depth > largest:
        height, width = target_size
        raise BadInput(
            f"depth must be <= {largest} for target_size=[{height},{width}] model.stem={model.stem}: each stage halves "
            f"the image. Received: depth={model.depth}. Lower depth or raise target_size"
        )
    if len(model.filters) == 1 and (last := stages_of(model)[-1][0]) > MOST_FILTERS:
        raise BadInput(
            f"model.filters, doubled from stage to stage, must be <= {MOST_FILTERS} in the last stage. Received: "
            f"model.filters={model.filters[0]} depth={model.depth}, which gives {last}. Lower one of them, or list the "
            "filters"
        )
