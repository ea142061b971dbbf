"""Why a statement or a file is left as it is."""

from dataclasses import dataclass
from enum import StrEnum


class Why(StrEnum):
    """Codes of refusals; those of a file that cannot be read, such as "syntax", come from its problem."""

    SCRIPT = "script"  # runs by its path, where no relative import works
    LOADED_BY_PATH = "loaded-by-path"  # so may run under any name
    DUAL_MODE = "dual-mode"  # one of two imports is meant to fail
    PYTEST = "pytest"  # pytest gives the file another name
    TWO_NAMES = "two-names"  # imported under two names, of which each counts from another place
    NO_NAME = "no-name"  # nothing can import it
    BEYOND = "beyond"  # counts above the top-level package
    STDLIB_NAME = "stdlib-name"  # the absolute name would begin with a standard-library module's
    SHADOWED = "shadowed"  # another file is found under its name
    REBOUND = "rebound"  # the file sets what relative imports count from
    STALE = "stale"  # other bytes than those that were analysed
    NOT_EQUAL = "not-equal"  # the change does more than it may


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was not done, where, and why: a code to count by and a sentence for a reader."""

    path: str
    line: int | None
    code: str
    message: str
