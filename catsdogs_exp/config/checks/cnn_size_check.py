"""Checks that a network fits its input. Does not import TensorFlow, so mistakes fail fast."""

from catsdogs_exp.config.schema.models import MOST_BLOCKS, CnnModel
from catsdogs_exp.errors import BadInput


def side_after(model: CnnModel, side: int) -> int:
    """Returns the side after a block, in pixels, as its layers compute it; <= 0 if a layer would fail."""
    lost = model.kernel_size - 1 if model.padding == "valid" else 0
    if model.pooling != "strided":
        return (side - model.convs * lost) // 2
    side -= (model.convs - 1) * lost
    return (side - lost + 1) // 2  # the last convolution has stride 2


def largest_depth(model: CnnModel, target_size: tuple[int, int]) -> int:
    """Returns the number of such blocks that the shorter side allows, at most `MOST_BLOCKS`."""
    side, depth = min(target_size), 0
    while depth < MOST_BLOCKS and (side := side_after(model, side)) >= 1:
        depth += 1
    return depth


def filters_of(model: CnnModel) -> tuple[int, ...]:
    """Returns the filters of each block, from the input upwards: the listed ones, then grown from the last one."""
    filters = [float(count) for count in model.filters]
    while len(filters) < model.depth:
        filters.append(min(filters[-1] * model.growth, model.max_filters))
    return tuple(max(1, round(count)) for count in filters)


def check_cnn(model: CnnModel, target_size: tuple[int, int]) -> None:
    """Rejects a network that would shrink its input to nothing, and filters that do not fit its blocks.

    Raises:
        BadInput: with the largest depth that fits, or valid filters.
    """
    largest = largest_depth(model, target_size)
    height, width = target_size
    if largest == 0:
        smallest = next(side for side in range(1, 1024) if side_after(model, side) >= 1)
        cause = f"model.pooling={model.pooling}"
        if model.padding == "valid":
            cause = f"model.kernel_size={model.kernel_size}" + (
                f" model.convs={model.convs}" if model.convs > 1 else ""
            )
        raise BadInput(f"target_size must be >= {smallest} for {cause}. Received: target_size=[{height},{width}]")
    if model.depth > largest:
        raise BadInput(
            f"depth must be <= {largest} for target_size=[{height},{width}]: each block halves the image. "
            f"Received: depth={model.depth}. Lower depth or raise target_size."
        )
    filters = ",".join(map(str, model.filters))
    if not 1 <= len(model.filters) <= model.depth:
        raise BadInput(
            f"model.filters must be one number or a list of 1 to depth={model.depth} of them. "
            f"Received: model.filters=[{filters}]." + (f" Set depth={len(model.filters)}" if model.filters else "")
        )
    if max(model.filters) > model.max_filters:
        raise BadInput(
            f"model.filters must be <= model.max_filters={model.max_filters}. Received: model.filters=[{filters}]. "
            f"Set model.max_filters={max(model.filters)}"
        )
