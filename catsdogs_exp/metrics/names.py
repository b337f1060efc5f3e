"""Names of metrics, and which way each is better."""

KEPT_WHOLE = 20  # with more classes, only the `TOP_K` largest probabilities of an image are kept
TOP_K = 5  # with more classes than these, also the share of images whose class is among the five most probable

_LOWER_IS_BETTER = ("loss", "seconds")


def lower_is_better(metric: str) -> bool:
    """Whether a smaller value of a metric (`val_loss`, `accuracy`, `seconds`, ...) is the better one."""
    return metric.endswith(_LOWER_IS_BETTER)
