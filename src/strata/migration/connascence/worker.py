"""A process that reads files' code for another, as `imports.worker` does."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from strata.migration.connascence.extract import extract
from strata.migration.connascence.facts import CodeFacts
from strata.migration.imports import serve
from strata.migration.project import BadSource, read_source


def read_facts(root: Path, paths: Iterable[str]) -> Iterator[CodeFacts]:
    """The facts of each file; none for one that cannot be read."""
    for path in paths:
        try:
            yield extract(path, read_source(root / path))
        except BadSource:
            yield CodeFacts(path, "")  # gone, or changed, since its imports were read


if __name__ == "__main__":
    serve(read_facts)
