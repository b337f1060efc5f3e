"""Settings of the optimizers and learning-rate schedules, one dataclass for each choice."""

from dataclasses import dataclass

from catsdogs_exp.config.schema.limits import setting

AUTO = "auto"  # find the learning rate at the start of the run


def _weight_decay() -> float:
    """Returns the last setting of all optimizers except Adam; a common base class would put it first."""
    return setting("decoupled weight decay of kernels", at_least=0)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class OptimizerSettings:
    """Settings of every optimizer."""

    name: str
    learning_rate: float | str = setting("learning rate", above=0, word=AUTO)


@dataclass(frozen=True)
class RmspropOptimizer(OptimizerSettings):
    """RMSprop, as in the course."""

    rho: float = setting("decay of the mean of squares", at_least=0, below=1)
    momentum: float = setting("momentum", at_least=0, below=1)
    weight_decay: float = _weight_decay()


@dataclass(frozen=True)
class AdamOptimizer(OptimizerSettings):
    """Adam (Kingma and Ba, 2015)."""

    beta_1: float = setting("decay of the mean", at_least=0, below=1)
    beta_2: float = setting("decay of the mean of squares", at_least=0, below=1)


@dataclass(frozen=True)
class AdamwOptimizer(AdamOptimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    weight_decay: float = _weight_decay()


@dataclass(frozen=True)
class SgdOptimizer(OptimizerSettings):
    """Stochastic gradient descent with momentum."""

    momentum: float = setting("momentum", at_least=0, below=1)
    nesterov: bool = setting("Nesterov's momentum")
    weight_decay: float = _weight_decay()


@dataclass(frozen=True)
class LionOptimizer(OptimizerSettings):
    """Lion: the sign of a mean of gradients (Chen et al., 2023)."""

    beta_1: float = setting("weight of the mean in the update's direction", above=0, below=1)
    beta_2: float = setting("decay of the mean", at_least=0, below=1)
    weight_decay: float = _weight_decay()


@dataclass(frozen=True)
class MuonOptimizer(OptimizerSettings):
    """Muon for the kernels of convolutions (Jordan et al., 2024), AdamW for all other weights."""

    momentum: float = setting("decay of the mean of a kernel's gradients", at_least=0, below=1)
    newton_schulz_steps: int = setting("iterations that orthogonalize an update", at_least=1, at_most=20)
    beta_1: float = setting("AdamW's decay of the mean", at_least=0, below=1)
    beta_2: float = setting("AdamW's decay of the mean square", at_least=0, below=1)
    weight_decay: float = _weight_decay()


Optimizer = RmspropOptimizer | AdamOptimizer | AdamwOptimizer | SgdOptimizer | LionOptimizer | MuonOptimizer


@dataclass(frozen=True)
class ConstantSchedule:
    """A constant learning rate."""

    name: str
    warmup_epochs: float = setting("epochs of linear warm-up", at_least=0)


@dataclass(frozen=True)
class StepSchedule:
    """Multiplies the learning rate by a factor every few epochs."""

    name: str
    every: float = setting("epochs between decays", at_least=0.01)
    milestones: tuple[int, ...] = setting("epochs after which to decay, instead of `every`", at_least=1)
    gamma: float = setting("factor of each decay", above=0, at_most=1)
    warmup_epochs: float = setting("epochs of linear warm-up", at_least=0)


@dataclass(frozen=True)
class ExponentialSchedule:
    """Decays by the same factor each epoch, in small steps with each update."""

    name: str
    gamma: float = setting("factor per epoch", above=0, at_most=1)
    warmup_epochs: float = setting("epochs of linear warm-up", at_least=0)


@dataclass(frozen=True)
class CosineSchedule:
    """Linear warm-up, then cosine decay (Loshchilov and Hutter, 2017)."""

    name: str
    warmup_epochs: float = setting("epochs of linear warm-up", at_least=0)
    final: float = setting("final learning rate, as a fraction of lr", at_least=0, at_most=1)


@dataclass(frozen=True)
class OneCycleSchedule:
    """Warm-up and decay along cosines (Smith, 2018)."""

    name: str
    rise: float = setting("fraction of the run before the peak", above=0, below=1)
    start: float = setting("initial learning rate, as a fraction of lr", above=0, at_most=1)
    final: float = setting("final learning rate, as a fraction of lr", at_least=0, at_most=1)


@dataclass(frozen=True)
class PlateauSchedule:
    """Decays when `training.monitor` stops improving."""

    name: str
    factor: float = setting("factor of each decay", above=0, below=1)
    patience: int = setting("epochs without improvement", at_least=1)
    min_delta: float = setting("the smallest improvement that counts", at_least=0)
    min_lr: float = setting("lower limit of the learning rate", at_least=0)
    warmup_epochs: float = setting("epochs of linear warm-up", at_least=0)


Schedule = ConstantSchedule | StepSchedule | ExponentialSchedule | CosineSchedule | OneCycleSchedule | PlateauSchedule

OPTIMIZERS: dict[str, type] = {
    "rmsprop": RmspropOptimizer,
    "adam": AdamOptimizer,
    "adamw": AdamwOptimizer,
    "sgd": SgdOptimizer,
    "lion": LionOptimizer,
    "muon": MuonOptimizer,
}
USUAL_RATES = {"sgd": 0.01, "lion": 0.0001}  # where the search for a learning rate starts; for all others:
USUAL_RATE = 0.001
SCHEDULES: dict[str, type] = {
    "constant": ConstantSchedule,
    "step": StepSchedule,
    "exponential": ExponentialSchedule,
    "cosine": CosineSchedule,
    "one_cycle": OneCycleSchedule,
    "reduce_on_plateau": PlateauSchedule,
}
