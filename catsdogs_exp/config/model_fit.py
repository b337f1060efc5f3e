"""Whether a network fits its input: arithmetic that needs no TensorFlow, so that the answer comes at once."""

from catsdogs_exp.config.models import CnnModel
from catsdogs_exp.errors import BadInput


def largest_depth(kernel_size: int, target_size: tuple[int, int]) -> int:
    """How many blocks of an unpadded convolution and a 2 x 2 pooling the smaller side allows."""
    side, depth = min(target_size), 0
    while (side := (side - kernel_size + 1) // 2) >= 1:
        depth += 1
    return depth


def check_depth(model: CnnModel, target_size: tuple[int, int]) -> None:
    """Refuses a network that would shrink its input to nothing.

    Raises:
        BadInput: saying the largest depth that fits.
    """
    largest = largest_depth(model.kernel_size, target_size)
    height, width = target_size
    if largest == 0:
        smallest = model.kernel_size + 1
        raise BadInput(
            f"target_size must be >= {smallest} for model.kernel_size={model.kernel_size}. "
            f"Received: target_size=[{height},{width}]"
        )
    if model.depth > largest:
        raise BadInput(
            f"depth must be <= {largest} for target_size=[{height},{width}]: each block halves the picture. "
            f"Received: depth={model.depth}. Lower depth or raise target_size."
        )
