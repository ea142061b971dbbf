"""A small project on the disk, written down as a dictionary."""

from collections.abc import Mapping
from pathlib import Path


def make_tree(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write each text (UTF-8, line ends as they are) or bytes at its path below `folder`; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder
