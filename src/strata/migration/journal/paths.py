"""Which paths a change may name: below the tree, and never git's own folder. They come from plans that others wrote."""

import stat
from dataclasses import dataclass

LONGEST = 1024  # characters of a path


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a step is not made, or not undone: `code` is a short name of it, `text` a sentence for a reader."""

    code: str
    text: str


class Refused(Exception):
    """What ends a step that is not made; the rooms above see its `reason` only."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.reason = Reason(code, text)


def check_path(path: str) -> tuple[str, ...]:
    """The parts of a path from the tree's root with `/`; raises Refused for any that could lead elsewhere."""
    parts = tuple(path.split("/"))
    try:
        path.encode()
    except UnicodeEncodeError:
        raise Refused("path", f"{path!r} is not a name in UTF-8, so the ledger cannot keep it") from None
    if not path or len(path) > LONGEST or "\0" in path or any(part in {"", ".", ".."} for part in parts):
        raise Refused("outside", f"{path[:LONGEST]!r} is no path below the tree")
    if any(part.casefold() == ".git" for part in parts):
        raise Refused("ignored", f"{path} lies in git's own folder")
    return parts


def check_regular(path: str, mode: int) -> None:
    """Raises Refused unless it is the mode of a plain file."""
    if stat.S_ISLNK(mode):
        raise Refused("link", f"{path} is a symbolic link, and left alone")
    if not stat.S_ISREG(mode):
        raise Refused("not-a-file", f"{path} is no plain file")
