"""A rejected request: an HTTP status and one line for the user."""


class Refused(Exception):
    """A request that is rejected.

    Args:
        status: HTTP status, 400 to 503.
        message: one line for the user.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message
