"""Settings of training: the loss, the monitored metric, precision, and when a run ends."""

from dataclasses import dataclass

from catsdogs_exp.config.schema.limits import setting


@dataclass(frozen=True)
class EarlyStopping:
    """Ends a run that has stopped improving. The result is always the best epoch."""

    patience: int | None = setting("epochs without improvement of the monitored metric; null: off", at_least=1)
    min_delta: float = setting("the smallest improvement that counts", at_least=0)


@dataclass(frozen=True)
class StopAt:
    """Ends a run that has reached a target, like the course's callback."""

    metric: str = setting("the metric to compare", choices=("accuracy", "loss", "val_accuracy", "val_loss"))
    value: float | None = setting("the value that ends the run; null: off")


@dataclass(frozen=True)
class Checkpoint:
    """Checkpoints for an exact resume."""

    every: str = setting("interval between checkpoints: 1epochs, 20steps, 60s, never, ...")


@dataclass(frozen=True)
class Finetune:
    """A second stage with additional epochs, in which the backbone, or its upper part, is trained, too."""

    epochs: int = setting("epochs of the second stage; 0: none", at_least=0)
    lr: float = setting("learning rate of the second stage", above=0)
    unfreeze: str = setting("all, a number of the backbone's topmost layers, or a layer and everything above it")


@dataclass(frozen=True, kw_only=True)
class Training:
    """How training is monitored, controlled and run."""

    monitor: str = setting(
        "metric that selects the best epoch", choices=("val_accuracy", "val_loss", "accuracy", "loss")
    )
    deterministic: bool = setting("same weights for the same config, data and machine")
    class_weights: str = setting("balanced: rare classes weigh more in the training loss", choices=("none", "balanced"))
    loss: str = setting("the loss to minimise", choices=("cross_entropy", "focal"))
    focal_gamma: float = setting(
        "how strongly confident predictions are down-weighted, for loss=focal", at_least=0, at_most=10
    )
    label_smoothing: float = setting("fraction of each label spread over all classes", at_least=0, below=1)
    clip_norm: float | None = setting("maximum global norm of the gradients; null: off", above=0)
    clip_value: float | None = setting("maximum absolute value of a gradient's elements; null: off", above=0)
    accumulate: int = setting("batches per weight update", at_least=1, at_most=65536)
    ema: float = setting("decay of the moving average of the weights; 0: off", at_least=0, below=1)
    precise_batch_norm: int = setting(
        "training batches from which the statistics of batch normalisation are computed before each validation; "
        "0: their moving averages",
        at_least=0,
    )
    strategy: str = setting("how a batch is distributed over devices", choices=("none", "mirrored", "multi_worker"))
    precision: str = setting(
        "precision of the arithmetic; weights stay float32",
        choices=("float32", "mixed_bfloat16", "mixed_float16", "auto"),
    )
    fused_optimizer: bool = setting("update weights in one pass over memory; false: Keras's own optimizers")
    jit: str = setting("compile with XLA; auto: on GPUs", choices=("auto", "always", "never"))
    intra_op_threads: int = setting("threads within an operation; 0: TensorFlow's choice", at_least=0, at_most=1024)
    inter_op_threads: int = setting("operations run in parallel; 0: TensorFlow's choice", at_least=0, at_most=1024)
    keep_memory: bool = setting("keep freed memory for reuse (glibc only)")
    steps_per_epoch: int | None = setting("batches per epoch; null: all images once", at_least=1)
    validation_steps: int | None = setting("batches per validation pass; null: all images", at_least=1)
    early_stopping: EarlyStopping
    stop_at: StopAt
    max_minutes: float | None = setting("ends the run after this many minutes of training; null: no limit", above=0)
    max_steps: int | None = setting("ends the run after this many training steps; null: no limit", at_least=1)
    overfit_batches: int = setting("train and validate on this many batches only; 0: off", at_least=0)
    checkpoint: Checkpoint
    layer_decay: float = setting("learning rate factor from each block to the one below it", above=0, at_most=1)
    finetune: Finetune
