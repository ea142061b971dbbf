"""Files that are their owner's alone: keys, and what others could do harm with."""

import os
import stat
from pathlib import Path

from strata.secure.errors import IdentityError


def read_private(path: Path, most: int) -> bytes:
    """At most so many bytes of the file; raises IdentityError where others can read it, and OSError."""
    with path.open("rb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise IdentityError(f"{path} can be read by other users: run chmod 600 on it")
        return file.read(most)
