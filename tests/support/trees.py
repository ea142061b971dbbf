"""Tiny projects on the disk."""

from collections.abc import Mapping
from pathlib import Path


def make_tree(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write the files, given by their paths below `folder`, and return it."""
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder
