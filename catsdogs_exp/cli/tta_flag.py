"""The value of `--tta`, which several commands take."""

from catsdogs_exp.errors import BadInput

_MOST_VIEWS = 64


def number_of_views(text: str | None) -> int:
    """The number of views per image; 0 without the option.

    Raises:
        BadInput: for anything but a whole number in its range.
    """
    if text is None:
        return 0
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _MOST_VIEWS:
        raise BadInput(f"--tta must be a whole number from 1 to {_MOST_VIEWS}. Received: --tta={text}")
    return int(text)
