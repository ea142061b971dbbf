"""A tree of real Python files: installed packages copied together."""

import importlib.util
import shutil
from collections.abc import Iterable
from pathlib import Path

LARGE = ("networkx", "sympy", "prefect", "libcst", "mergekit", "pydantic", "pandas")


def copy_packages(folder: Path, names: Iterable[str]) -> list[str]:
    """Copy the packages that are installed side by side into `folder`; returns their names."""
    copied = []
    for name in names:
        found = importlib.util.find_spec(name)
        if found is not None and found.origin is not None:
            ignored = shutil.ignore_patterns("__pycache__", "node_modules", "*.js", "*.so")
            shutil.copytree(Path(found.origin).parent, folder / name, ignore=ignored)
            copied.append(name)
    return copied
