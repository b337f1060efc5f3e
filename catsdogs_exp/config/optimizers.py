"""Settings of the optimisers and learning-rate schedules, one dataclass for each choice."""

from dataclasses import dataclass

from catsdogs_exp.config.limits import setting


@dataclass(frozen=True)
class RmspropOptimizer:
    """RMSprop, as in the course."""

    name: str
    learning_rate: float = setting("learning rate", above=0)
    rho: float = setting("decay of the mean square", at_least=0, below=1)
    momentum: float = setting("momentum", at_least=0, below=1)


@dataclass(frozen=True)
class AdamOptimizer:
    """Adam (Kingma and Ba, 2015)."""

    name: str
    learning_rate: float = setting("learning rate", above=0)
    beta_1: float = setting("decay of the mean", at_least=0, below=1)
    beta_2: float = setting("decay of the mean square", at_least=0, below=1)


@dataclass(frozen=True)
class AdamwOptimizer:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    name: str
    learning_rate: float = setting("learning rate", above=0)
    beta_1: float = setting("decay of the mean", at_least=0, below=1)
    beta_2: float = setting("decay of the mean square", at_least=0, below=1)
    weight_decay: float = setting("decoupled weight decay", at_least=0)


@dataclass(frozen=True)
class SgdOptimizer:
    """Stochastic gradient descent with momentum."""

    name: str
    learning_rate: float = setting("learning rate", above=0)
    momentum: float = setting("momentum", at_least=0, below=1)
    nesterov: bool = setting("Nesterov's momentum")


Optimizer = RmspropOptimizer | AdamOptimizer | AdamwOptimizer | SgdOptimizer


@dataclass(frozen=True)
class ConstantSchedule:
    """The learning rate stays."""

    name: str


@dataclass(frozen=True)
class CosineSchedule:
    """Rises linearly, then falls along a cosine (Loshchilov and Hutter, 2017)."""

    name: str
    warmup_epochs: float = setting("epochs of the rise", at_least=0)
    final: float = setting("share of the learning rate at the end", at_least=0, at_most=1)


Schedule = ConstantSchedule | CosineSchedule

OPTIMIZERS: dict[str, type] = {
    "rmsprop": RmspropOptimizer,
    "adam": AdamOptimizer,
    "adamw": AdamwOptimizer,
    "sgd": SgdOptimizer,
}
SCHEDULES: dict[str, type] = {"constant": ConstantSchedule, "cosine": CosineSchedule}
