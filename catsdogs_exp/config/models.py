"""Settings of the networks: one dataclass for each that `model=NAME` can choose."""

from dataclasses import dataclass

from catsdogs_exp.config.limits import setting


@dataclass(frozen=True)
class CnnModel:
    """Blocks of convolution and max-pooling, then a dense layer."""

    name: str
    depth: int = setting("blocks of convolution + pooling", at_least=1, at_most=16)
    filters: int = setting("of the first block, doubled from block to block", at_least=1, at_most=4096)
    max_filters: int = setting("the doubling stops here", at_least=1, at_most=4096)
    kernel_size: int = setting("pixels", at_least=1, at_most=31)
    dense: int = setting("units of the dense layer", at_least=1, at_most=65536)
    dropout: float = setting("before the dense layer", at_least=0, below=1)
    batch_norm: bool = setting("after each convolution")
    head: str = setting("the last layer", choices=("auto", "softmax"))


Model = CnnModel

MODELS: dict[str, type] = {"cnn": CnnModel}
