"""What git says of a tree: which paths it ignores, and which files are not as they were committed.

Nothing is run but git, and nothing of what a work tree configures: no monitor, no filter, no write to its index.
"""

import hashlib
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from strata.errors import StrataError

SECONDS = 60


class GitFailed(StrataError):
    """Git is there but does not answer."""


class Git:
    """The work tree around a folder; `there` is false where there is none, or where it ignores the folder itself."""

    def __init__(self, root: Path) -> None:
        self._root = root
        inside = self._run("rev-parse", "--is-inside-work-tree")
        self.there = inside is not None and inside.stdout.strip() == b"true" and not self._ignores_root()

    def ignored(self, paths: Iterable[str]) -> frozenset[str]:
        """Those of the paths that git ignores; what it tracks is never ignored."""
        given = b"".join(os.fsencode(path) + b"\0" for path in paths)
        if not self.there or not given:
            return frozenset()
        done = self._run("check-ignore", "-z", "--stdin", given=given)
        if done is None or done.returncode not in {0, 1}:
            raise GitFailed(f"git does not say what it ignores: {done.stderr.decode(errors='replace') if done else ''}")
        return frozenset(os.fsdecode(done.stdout).split("\0")) - {""}

    def committed(self) -> dict[str, str]:
        """The object id of each file below the root in the last commit, by its path from the root."""
        done = self._run("ls-tree", "-r", "-z", "HEAD") if self.there else None
        if done is None or done.returncode != 0:
            return {}  # nothing was ever committed
        rows = (row.partition("\t") for row in os.fsdecode(done.stdout).split("\0") if row)
        return {path: fields.split()[2] for fields, _, path in rows}

    def _ignores_root(self) -> bool:
        done = self._run("check-ignore", "-q", ".")
        return done is not None and done.returncode == 0

    def _run(self, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes] | None:
        command = ["git", "-C", str(self._root), "-c", "core.fsmonitor=false", *arguments]
        environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
        try:
            return subprocess.run(
                command, input=given, capture_output=True, timeout=SECONDS, check=False, env=environment
            )
        except FileNotFoundError:
            return None
        except subprocess.TimeoutExpired as error:
            raise GitFailed(f"git did not answer in {SECONDS} s") from error


def is_committed(data: bytes, object_id: str | None) -> bool:
    """Whether the bytes are those of a git object, or would be with line ends as git keeps them."""
    if object_id is None:
        return False
    name = "sha1" if len(object_id) == 40 else "sha256"
    texts = (data, data.replace(b"\r\n", b"\n"))
    return any(hashlib.new(name, b"blob %d\0" % len(text) + text).hexdigest() == object_id for text in texts)
