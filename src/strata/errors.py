"""The base of every error that Strata raises on purpose."""


class StrataError(Exception):
    """Something a user can understand and act on; the command line prints it as one line, without a traceback."""
