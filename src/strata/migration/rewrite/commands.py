"""What a project's configuration and command files say of how its files are run: read as text, never executed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from strata.migration.project import BadSource, read_source

_TEXTS = ("*.toml", "*.cfg", "*.ini", "*.yml", "*.yaml", "*.sh", "Makefile", "Dockerfile", ".github/workflows/*.y*ml")
_COMMAND = re.compile(r"(?:python|pypy|doctest|uv run|poetry run|pdm run)[^\n;&|]*")
_PYTHON_FILE = re.compile(r"[\w./-]+\.py\b")
_ENTRY_POINT = re.compile(r"[=\"'\s]([A-Za-z_][\w.]*):[A-Za-z_]")
_UNITTEST = re.compile(r"unittest\s+discover\s+(?:-s\s*|--start-directory[ =])?([\w./]+)(?![^\n]*\s-t)")


@dataclass(frozen=True, slots=True)
class Commands:
    """What was found.

    files: paths of Python files that a command runs, as they are written there. modules: dotted names that entry points
    use. importlib_mode, doctest_modules: options that pytest is given. start_folders: where unittest begins to look,
    which is then first on `sys.path`.
    """

    files: frozenset[str]
    modules: frozenset[str]
    importlib_mode: bool
    doctest_modules: bool
    start_folders: frozenset[str]


def read_commands(root: Path) -> Commands:
    """Look through the files at the top of a tree, and its workflows."""
    text = "\n".join(_texts(root))
    commands = [command for command in _COMMAND.findall(text) if "pytest" not in command]
    return Commands(
        files=frozenset(file for command in commands for file in _PYTHON_FILE.findall(command)),
        modules=frozenset(_ENTRY_POINT.findall(text)),
        importlib_mode=re.search(r"--import-mode[= ]importlib", text) is not None,
        doctest_modules="--doctest-modules" in text,
        start_folders=frozenset(folder.strip("./") for folder in _UNITTEST.findall(text)) - {""},
    )


def _texts(root: Path) -> Iterator[str]:
    for path in sorted({path for pattern in _TEXTS for path in root.glob(pattern)}):
        if path.is_symlink() or not path.is_file():
            continue
        try:
            yield read_source(path).decode(errors="replace")
        except BadSource:
            continue
