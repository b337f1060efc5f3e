"""Settings of training: the loss, the monitored value, precision, and when it ends."""

from dataclasses import dataclass

from catsdogs_exp.config.schema.limits import setting


@dataclass(frozen=True)
class EarlyStopping:
    """Ends a run that no longer gets better. The best epoch is the result in any case."""

    patience: int | None = setting("epochs without a better monitored value; null: off", at_least=1)
    min_delta: float = setting("the smallest improvement that counts", at_least=0)


@dataclass(frozen=True)
class StopAt:
    """Ends a run that is good enough, like the course's callback."""

    metric: str = setting("the monitored value", choices=("accuracy", "loss", "val_accuracy", "val_loss"))
    value: float | None = setting("ends the run once reached; null: off")


@dataclass(frozen=True)
class Checkpoint:
    """What an exact resume needs."""

    every: str = setting("1epochs, 20steps, 60s, never, ...")


@dataclass(frozen=True)
class Finetune:
    """A second phase: some epochs more, with the backbone, or its upper part, learning too."""

    epochs: int = setting("of the second phase; 0: none", at_least=0)
    lr: float = setting("learning rate of the second phase", above=0)
    unfreeze: str = setting("all, a number of the backbone's highest layers, or a layer and everything above it")


@dataclass(frozen=True, kw_only=True)
class Training:
    """How training is monitored, controlled and run."""

    monitor: str = setting(
        "the best epoch by this is the result", choices=("val_accuracy", "val_loss", "accuracy", "loss")
    )
    deterministic: bool = setting("same config, data and machine: same weights")
    class_weights: str = setting("in the training loss: rare classes weigh more", choices=("none", "balanced"))
    loss: str = setting("the loss to minimise", choices=("cross_entropy", "focal"))
    focal_gamma: float = setting("how much less sure predictions count, for loss=focal", at_least=0, at_most=10)
    label_smoothing: float = setting("share of a label that goes to all classes", at_least=0, below=1)
    clip_norm: float | None = setting("largest norm of all gradients together; null: off", above=0)
    clip_value: float | None = setting("largest element of a gradient; null: off", above=0)
    accumulate: int = setting("batches whose gradients make one update", at_least=1, at_most=65536)
    ema: float = setting("decay of the average of the weights; 0: off", at_least=0, below=1)
    strategy: str = setting("the devices that share a batch", choices=("none", "mirrored", "multi_worker"))
    precision: str = setting(
        "of the arithmetic; weights stay float32", choices=("float32", "mixed_bfloat16", "mixed_float16", "auto")
    )
    fused_optimizer: bool = setting("updates of weights in one pass over memory; false: Keras's own")
    jit: str = setting("compile with XLA; auto: on GPUs", choices=("auto", "always", "never"))
    intra_op_threads: int = setting("threads within an operation; 0: TensorFlow's choice", at_least=0, at_most=1024)
    inter_op_threads: int = setting("operations at a time; 0: TensorFlow's choice", at_least=0, at_most=1024)
    keep_memory: bool = setting("keep freed memory for its next use, where the C library is glibc")
    steps_per_epoch: int | None = setting("batches that count as an epoch; null: all images once", at_least=1)
    validation_steps: int | None = setting("batches of a validation pass; null: all images", at_least=1)
    early_stopping: EarlyStopping
    stop_at: StopAt
    max_minutes: float | None = setting("ends the run after this many minutes of training; null: no limit", above=0)
    max_steps: int | None = setting("ends the run after this many training steps; null: no limit", at_least=1)
    overfit_batches: int = setting("train and validate on this many batches only; 0: off", at_least=0)
    checkpoint: Checkpoint
    layer_decay: float = setting("factor of the learning rate from block to block downwards", above=0, at_most=1)
    finetune: Finetune
