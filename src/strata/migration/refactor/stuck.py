"""Why a module cannot be moved, or a file that imports it not be rewritten."""

from strata.errors import StrataError


class Stuck(StrataError):
    """A move that is not made: `code` is a short name of the reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
