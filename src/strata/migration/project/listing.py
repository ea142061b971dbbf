"""Which files a folder has: those that git tracks or would add, else those outside of environments and caches."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from strata.errors import StrataError

ENDINGS = (".py", ".pyi", ".pyx", ".so", ".pyd")  # what makes a name importable, or its stub
# Files that say how others are run, and folders with a dot that hold such.
_CONFIGURATION = re.compile(
    r"(?:GNU)?[Mm]akefile|.*\.(?:mk|sh|bash|ya?ml)|(?:tox|\.?pytest)\.ini|setup\.cfg|pyproject\.toml|Dockerfile.*"
    r"|Procfile|[Jj]ustfile"
)
_CI_FOLDERS = {".github", ".circleci", ".gitlab"}
_SKIPPED = {"__pycache__", "node_modules", "site-packages", "build", "dist"}
_GIT_SECONDS = 60


class BadProject(StrataError):
    """A folder in which there is nothing to migrate."""


def listed(root: Path) -> list[str]:
    """Paths from `root` with `/`, sorted; names without an ending may be folders that are links.

    Raises BadProject where git has the folder and cannot tell what it ignores.
    """
    return sorted(name for name in _committed(root) or _walked(root) if _wanted(name))


def is_configuration(path: str) -> bool:
    """Whether the file may say how Python files are run."""
    return _CONFIGURATION.fullmatch(path.rpartition("/")[2]) is not None


def _wanted(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name.endswith(ENDINGS) or "." not in name or is_configuration(path)


def _committed(root: Path) -> list[str]:
    """Paths that git tracks or would add; none where the folder is in no work tree, or is itself ignored."""
    command = ["git", "-C", str(root), "-c", "core.fsmonitor=false"]
    command += ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "."]
    quiet = subprocess.DEVNULL
    try:
        done = subprocess.run(
            command, capture_output=True, stdin=quiet, timeout=_GIT_SECONDS, check=False, env=_environment()
        )
    except FileNotFoundError:
        return []
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BadProject(f"git cannot list the files of {root}: {error}") from error
    if done.returncode == 0:
        return os.fsdecode(done.stdout).split("\0")[:-1]
    said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
    if "not a git repository" in said:
        return []
    # Without its answer, files that git ignores would be taken for the project's.
    raise BadProject(f"git cannot list the files of {root}: {said}")


def _environment() -> dict[str, str]:
    """What git is run with: a hostile `.git/config` can name programs as its file monitor or as a transport.

    The monitor is switched off on the command line; no transport is allowed and no object fetched. Variables that a
    hook is run with name another repository than the folder's own.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_") or "CONFIG" in key}
    quiet = {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0"}
    return kept | quiet | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def _walked(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        inside = os.path.relpath(folder, root)
        start = "" if inside == "." else f"{inside}/".replace(os.sep, "/")
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        folders[:] = [name for name in folders if name not in links and _entered(folder, name)]
        yield from (start + name for name in (*names, *links))


def _entered(folder: str, name: str) -> bool:
    path = os.path.join(folder, name)
    if name in _SKIPPED and not os.path.exists(os.path.join(path, "__init__.py")):
        return False
    if name.startswith(".") and name not in _CI_FOLDERS:
        return False
    return not os.path.exists(os.path.join(path, "pyvenv.cfg"))
