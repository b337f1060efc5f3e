"""Settings of the training itself: what is minimised and watched, how carefully, and when it ends."""

from dataclasses import dataclass

from catsdogs_exp.config.limits import setting


@dataclass(frozen=True)
class Training:
    """What is watched, and how carefully."""

    monitor: str = setting(
        "the best epoch by this is the result", choices=("val_accuracy", "val_loss", "accuracy", "loss")
    )
    deterministic: bool = setting("same config, data and machine: same weights")
    class_weights: str = setting("in the training loss: rare classes weigh more", choices=("none", "balanced"))
    precision: str = setting(
        "of the arithmetic; weights stay float32", choices=("float32", "mixed_bfloat16", "mixed_float16", "auto")
    )
    jit: str = setting("compile with XLA; auto: on GPUs", choices=("auto", "always", "never"))
    intra_op_threads: int = setting("threads within an operation; 0: TensorFlow's choice", at_least=0, at_most=1024)
    inter_op_threads: int = setting("operations at a time; 0: TensorFlow's choice", at_least=0, at_most=1024)
