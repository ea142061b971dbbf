"""What rules look at: a project that was read, with what several rules need worked out once."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from strata.migration.check.configuration import CheckOptions
from strata.migration.connascence import Code, Report, connascence
from strata.migration.graph import ImportEdge, import_edges
from strata.migration.imports import Analysis, FileFacts


@dataclass(frozen=True)
class Project:
    """A project, what is wanted of it, and the files that are judged; others only bear on them."""

    code: Code
    options: CheckOptions
    judged: frozenset[str]

    @property
    def analysis(self) -> Analysis:
        """What its files import."""
        return self.code.analysis

    @cached_property
    def edges(self) -> tuple[ImportEdge, ...]:
        """Which module imports which."""
        return import_edges(self.analysis)

    @cached_property
    def report(self) -> Report:
        """The connascence in it."""
        return connascence(self.code)

    def files(self) -> Iterator[tuple[str, FileFacts]]:
        """The files that are judged."""
        return ((path, facts) for path, facts in self.analysis.files.items() if path in self.judged)
