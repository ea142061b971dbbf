"""A process that reads files for another: a line of JSON in, `[root, [path, ...]]`, a line of rows out.

It ends with its standard input, so also when whoever started it is killed.
"""

import gc
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from strata.migration.imports.facts import FileFacts
from strata.migration.imports.scanning import scan
from strata.migration.project import BadSource, Problem, read_source


def read_facts(root: Path, paths: Iterable[str]) -> Iterable[FileFacts]:
    """The facts of each file; one that cannot be read has a problem instead."""
    for path in paths:
        try:
            data = read_source(root / path)
        except BadSource as error:
            yield FileFacts(path, "", problem=Problem(path, error.code, str(error)))
        else:
            yield scan(path, data)


def serve(read: Callable[[Path, Iterable[str]], Iterable[Any]]) -> None:
    """Answer with the rows (`to_json`) of what is read, until there is no more to read."""
    gc.disable()  # whatever is made here has no cycles, and looking for some goes through the whole tree of each file
    for line in sys.stdin.buffer:
        root, paths = json.loads(line)
        rows = [found.to_json() for found in read(Path(root), paths)]
        sys.stdout.buffer.write(json.dumps(rows).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    serve(read_facts)
