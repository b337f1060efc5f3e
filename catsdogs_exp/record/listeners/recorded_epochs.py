"""Which epochs are recorded: the meaning of every setting called `every`."""


def is_recorded(every: int, epoch: int) -> bool:
    """Returns whether an epoch is recorded: the first one, and every multiple of `every`; none for 0 and -1."""
    return every > 0 and (epoch == 1 or epoch % every == 0)
