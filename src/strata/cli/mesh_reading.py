"""What the commands that read a description of a mesh share."""

from pathlib import Path
from typing import Annotated

import typer

from strata.errors import StrataError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]

_MOST_BYTES = 1 << 28


def read_text(path: Path) -> bytes:
    """What a file holds; raises StrataError where it cannot be read, or is too large to be such a description."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise StrataError(f"{path} is larger than {_MOST_BYTES >> 20} MiB: that is no description of a mesh")
        return path.read_bytes()
    except OSError as error:
        raise StrataError(f"{path} cannot be read: {error.strerror or error}") from error
