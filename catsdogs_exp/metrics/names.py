"""Names of metrics, and whether higher or lower is better."""

KEPT_WHOLE = 20  # above this number of classes, only the `TOP_K` largest probabilities of an image are kept
TOP_K = 5  # above this number of classes, top-5 accuracy is reported, too

_LOWER_IS_BETTER = ("loss", "seconds", "crop_sensitivity")


def lower_is_better(metric: str) -> bool:
    """Returns whether a lower value of a metric (`val_loss`, `accuracy`, `seconds`, ...) is better."""
    return metric.endswith(_LOWER_IS_BETTER)
