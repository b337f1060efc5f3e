"""Settings of the networks: one dataclass per choice of `model=NAME`."""

from dataclasses import dataclass

from catsdogs_exp.config.schema.limits import setting
from catsdogs_exp.config.schema.residual import MbconvModel, ResnetModel
from catsdogs_exp.config.schema.transfer import TransferModel

MOST_BLOCKS = 16
ACTIVATIONS = ("relu", "gelu", "silu", "elu", "leaky_relu", "tanh")


@dataclass(frozen=True)
class CnnModel:
    """Blocks of convolution and pooling, then dense layers."""

    name: str
    depth: int = setting("blocks of convolution + pooling", at_least=1, at_most=MOST_BLOCKS)
    filters: tuple[int, ...] = setting("filters of the first block, or of the first few", at_least=1, at_most=4096)
    growth: float = setting("growth factor of the filters in later blocks", above=0, at_most=16)
    max_filters: int = setting("upper limit of the filters", at_least=1, at_most=4096)
    kernel_size: int = setting("pixels", at_least=1, at_most=31)
    convs: int = setting("convolutions per block", at_least=1, at_most=16)
    padding: str = setting("valid: no padding; same: zero padding", choices=("valid", "same"))
    pooling: str = setting("how a block halves the size", choices=("max", "average", "strided"))
    activation: str = setting("activation of convolutions and dense layers", choices=ACTIVATIONS)
    batch_norm: bool = setting("batch normalisation after each convolution")
    block_dropout: float = setting("dropout rate after each block", at_least=0, below=1)
    flatten: str = setting("how the last feature map becomes a vector", choices=("flatten", "average", "max"))
    dropout: float = setting("dropout rate before the dense layers", at_least=0, below=1)
    dense: tuple[int, ...] = setting("units of the dense layers", at_least=1, at_most=65536)
    l2: float = setting("factor of the sum of squared kernels in the training loss", at_least=0)
    head: str = setting("the last layer", choices=("auto", "softmax"))


Model = CnnModel | TransferModel | ResnetModel | MbconvModel

MODELS: dict[str, type] = {
    "cnn": CnnModel,
    "transfer": TransferModel,
    "course_f": TransferModel,
    "efficientnet_lite0": TransferModel,
    "efficientnet_lite1": TransferModel,
    "efficientnet_lite2": TransferModel,
    "resnet": ResnetModel,
    "mbconv": MbconvModel,
}
