"""Imports modules one by one and writes down what came of each. Run by path, in the project's own interpreter.

It uses the standard library only, of any Python from 3.8. A module is imported in a process in which nothing of the
project but the packages around it was imported before, as in a fresh interpreter: a package is imported, and for each
module inside that this has not loaded already the process forks. What two forks have loaded from elsewhere, or a slow
one, the process that they came from loads too, before the next.
"""

from __future__ import annotations

import ctypes
import gc
import hashlib
import importlib
import json
import os
import resource
import runpy
import signal
import sys
import time
import types
from collections import Counter
from functools import partial
from typing import Any, Callable, Iterable  # noqa: UP035 - Python 3.8

MOST_NAMES = 5000
SLOW = 1.0  # seconds of a child, after which what it loaded from elsewhere is shared at once
MOST_TEXT = 400
MOST_ORDER = 400  # modules that are listed; of more only the digest is told
FILE_BYTES = 1 << 28  # that a file may have which the project's code writes
UNTOLD = {"__builtins__", "__cached__", "__file__", "__loader__", "__path__", "__spec__"}


class Probe:
    """Writes a line of JSON for each module into the file `out`, which all forks share."""

    def __init__(self, tree: str, out: str, seconds: int) -> None:
        self.trees = tuple(os.path.join(path, "") for path in (tree, os.path.realpath(tree)))
        self.out = os.open(out, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        self.seconds = seconds
        self.key = ""
        self.inside: dict[str, set[str]] = {}
        self.wanted: set[str] = set()
        self.there = set(sys.modules)
        self.loaded: Counter[str] = Counter()

    def run(self, group: dict[str, Any]) -> None:
        """The modules and scripts of a group, which have the same `sys.path`."""
        self.key = group["key"]
        sys.path[:0] = group["path"]
        self.wanted = {*group["names"], *group["scripts"]}
        for name in group["names"]:
            parts = name.split(".")
            for end in range(1, len(parts) + 1):
                self.inside.setdefault(".".join(parts[: end - 1]), set()).add(".".join(parts[:end]))
        for name in sorted(self.inside.pop("", ())):
            self.fork(name, partial(self.visit, name))
        for path in group["scripts"]:
            self.fork(path, partial(self.tell_script, path))

    def visit(self, name: str) -> None:
        """A module, and then those inside, in a process in which what is around it was imported."""
        found = self.load(name)
        self.tell(name, found)
        for child in sorted(self.inside.get(name, ())):
            if found["outcome"] != "ok":
                self.tell_all(child, found, set())
            elif child in sys.modules:
                self.visit(child)
            else:
                self.fork(child, partial(self.visit, child))

    def fork(self, name: str, action: Callable[[], None]) -> None:
        """Do it in a child that ends in time; where it dies, that is what came of the modules that it has not told."""
        before, started = os.lseek(self.out, 0, os.SEEK_END), time.monotonic()
        gc.freeze()  # so that a collection in the child does not touch, and thereby copy, every page
        child = os.fork()
        if child == 0:
            try:
                self.there = set(sys.modules)
                action()
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        told = self.told_since(before)
        code = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        outcome = "timeout" if code == signal.SIGALRM else "exited" if code is None else f"signal {code}"
        self.tell_all(name, {"outcome": outcome}, {row["name"] for row in told})
        self.share(told, 1 if time.monotonic() - started > SLOW else 2)

    def told_since(self, position: int) -> list[dict[str, Any]]:
        """The lines behind a place in the file."""
        data = b""
        while piece := os.pread(self.out, 1 << 20, position + len(data)):
            data += piece
        return [json.loads(line) for line in data.split(b"\n")[:-1]]

    def share(self, told: list[dict[str, Any]], times: int) -> None:
        """Load what children loaded from elsewhere so many times."""
        names = [name for row in told for name in row.get("outside", ())]
        self.loaded.update(names)
        for name in [name for name in dict.fromkeys(names) if self.loaded[name] >= times]:
            del self.loaded[name]
            if name not in sys.modules:
                self.timed(partial(load, name))

    def load(self, name: str) -> dict[str, Any]:
        """What came of importing it."""
        return self.timed(partial(load, name))

    def tell_script(self, path: str) -> None:
        """What came of running a file by its path, under another name than `__main__`."""
        sys.path.insert(0, os.path.dirname(path))
        self.tell(path, self.timed(lambda: runpy.run_path(path, run_name="strata_probe")))

    def timed(self, action: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What came of code of the project, whose time is limited."""
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(self.seconds)
        try:
            found = self.success(action())
        except BaseException as error:
            found = failure(error)
        signal.alarm(0)
        new = [name for name in list(sys.modules) if name not in self.there]
        self.there.update(new)
        return dict(found, outside=[name for name in new[:MOST_NAMES] if not self.own(name)])

    def success(self, names: dict[str, Any]) -> dict[str, Any]:
        """What a module has, and which of the project's modules were loaded, in their order."""
        listed = names.get("__all__")
        listed = [str(each) for each in listed[:MOST_NAMES]] if isinstance(listed, (list, tuple)) else None
        told = {k: describe(v) for k, v in list(names.items())[:MOST_NAMES] if isinstance(k, str) and k not in UNTOLD}
        file = names.get("__file__")
        inside = isinstance(file, str) and file.startswith(self.trees)
        file = os.path.relpath(os.path.realpath(str(file)), self.trees[1]) if inside else None
        order = [name for name in list(sys.modules) if self.own(name)]
        digest = hashlib.sha256("\n".join(order).encode()).hexdigest()
        short = order if len(order) <= MOST_ORDER else []
        return {"outcome": "ok", "file": file, "all": listed, "names": told, "digest": digest, "order": short}

    def own(self, name: str) -> bool:
        """Whether a loaded module is the project's."""
        try:
            found = vars(sys.modules[name])
            places = (found.get("__file__"), *found.get("__path__", ()))
            return any(isinstance(place, str) and place.startswith(self.trees) for place in places)
        except Exception:  # whatever the project has put into `sys.modules` in the place of a module
            return False

    def tell(self, name: str, found: dict[str, Any]) -> None:
        """Write it down, if it was asked for."""
        if name in self.wanted:
            os.write(self.out, json.dumps(dict(found, key=self.key, name=name)).encode() + b"\n")

    def tell_all(self, name: str, found: dict[str, Any], told: Iterable[str]) -> None:
        """The same of a module and of all inside, but for those that were told of."""
        if name not in told:
            self.tell(name, found)
        for child in sorted(self.inside.get(name, ())):
            self.tell_all(child, found, told)


def load(name: str) -> dict[str, Any]:
    """Import a module; returns what it has."""
    return vars(importlib.import_module(name))


def failure(error: BaseException) -> dict[str, Any]:
    """An exception's type, and its text for a reader."""
    kind = type(error)
    try:
        text = str(error)[:MOST_TEXT]
    except BaseException:  # the project's own exceptions may fail to tell what they are
        text = ""
    return {"outcome": f"{kind.__module__}.{kind.__qualname__}", "text": text}


def describe(value: object) -> str:
    """The type of a value, and of a module, class or function also which; its own code is not run."""
    kind = type(value)
    text = f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(value, types.ModuleType):
        text += f" {value.__dict__.get('__name__')}"
    elif kind in (type, types.FunctionType):
        text += f" {value.__module__}.{value.__qualname__}"  # type: ignore[attr-defined]
    return text[:MOST_TEXT]


def limit() -> None:
    """Bound the files that the project's code may write, and have orphans of it become this process's children."""
    for kind, most in ((resource.RLIMIT_FSIZE, FILE_BYTES), (resource.RLIMIT_CORE, 0)):
        try:
            resource.setrlimit(kind, (most, most))
        except (OSError, ValueError):
            continue  # where there is a lower one
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def end_orphans() -> None:
    """Kill what the project's code started and did not end."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            orphans = [int(pid) for pid in file.read().split()]
    except OSError:
        return
    for pid in orphans:
        os.kill(pid, signal.SIGKILL)


def main() -> None:
    """Take the job's file from the command line."""
    with open(sys.argv[1]) as file:
        job = json.load(file)
    del sys.path[0]  # this file's folder
    sys.argv[:] = ["strata_probe"]
    limit()
    probe = Probe(job["tree"], job["out"], job["seconds"])
    for group in job["groups"]:
        probe.fork("", partial(probe.run, group))
    end_orphans()


if __name__ == "__main__":
    main()
