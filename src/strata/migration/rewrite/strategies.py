"""How a project's own modules are to be named: three rules, each with the examples that are its tests (as in Fixit).

A rule speaks of `from` imports of the project's own modules. A plain `import p.x` has no relative form and binds
another name than any `from` import does, so no rule speaks of it.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from strata.migration.project import Kind, Modules


@dataclass(frozen=True, slots=True)
class Example:
    """A statement in the file `path` of EXAMPLE_TREE; `after` is what the rule makes of it."""

    path: str
    before: str
    after: str = ""


EXAMPLE_TREE = (
    "p/__init__.py", "p/a.py", "p/b.py", "p/s/__init__.py", "p/s/c.py", "p/s/d.py", "p/s/t/__init__.py", "p/s/t/e.py",
    "p/o/__init__.py", "p/o/f.py", "q/__init__.py", "q/g.py", "top.py",
)  # fmt: skip


class Strategy(ABC):
    """One rule. VALID: statements that it leaves alone. INVALID: those that it changes, and what they become."""

    name: str
    VALID: tuple[Example, ...]
    INVALID: tuple[Example, ...]

    @abstractmethod
    def relative(self, absolute: str, package: str, modules: Modules) -> bool:
        """Whether an import of `absolute` in a file of `package` is to be relative; both names begin alike."""


class RelativePreferred(Strategy):
    """Relative within one top-level package, however far, by the shortest way; absolute between packages."""

    name = "relative_preferred"
    VALID = (
        Example("p/a.py", "from .b import x"),
        Example("p/s/c.py", "from ..b import x"),
        Example("p/a.py", "from q.g import x"),
        Example("p/a.py", "import p.b"),
        Example("top.py", "from p.a import x"),
        Example("p/a.py", "from pq.b import x"),
        Example("p/a.py", "from os import path"),
    )
    INVALID = (
        Example("p/a.py", "from p.b import x", "from .b import x"),
        Example("p/a.py", "from p import b", "from . import b"),
        Example("p/__init__.py", "from p.a import x", "from .a import x"),
        Example("p/s/__init__.py", "from p.s.c import x", "from .c import x"),
        Example("p/s/c.py", "from p.b import x", "from ..b import x"),
        Example("p/s/c.py", "from ..s.d import x", "from .d import x"),
        Example("p/s/t/e.py", "from p.o.f import (x,  # why\n    y)", "from ...o.f import (x,  # why\n    y)"),
        Example("p/a.py", "from p.made_later import x", "from .made_later import x"),
    )

    def relative(self, absolute: str, package: str, modules: Modules) -> bool:
        """Always, where both names begin alike."""
        return True


class Absolute(Strategy):
    """Absolute everywhere."""

    name = "absolute"
    VALID = (
        Example("p/a.py", "from p.b import x"),
        Example("p/a.py", "import p.b"),
        Example("top.py", "from p.a import x"),
    )
    INVALID = (
        Example("p/a.py", "from .b import x", "from p.b import x"),
        Example("p/a.py", "from .import b", "from p import b"),
        Example("p/__init__.py", "from .a import x", "from p.a import x"),
        Example("p/s/c.py", "from.d import x", "from p.s.d import x"),
        Example("p/s/c.py", "from .. import b", "from p import b"),
        Example("p/s/t/e.py", "from . . . o.f import x; y = 1", "from p.o.f import x; y = 1"),
        Example("p/s/t/e.py", "from .. \\\n import d", "from p.s \\\n import d"),
    )

    def relative(self, absolute: str, package: str, modules: Modules) -> bool:
        """Never."""
        return False


class AbsoluteAcrossRelativeWithin(Strategy):
    """Relative within a subpackage directly below the top-level package, absolute between these.

    What lies directly in the top-level package is one such part too.
    """

    name = "absolute_across_relative_within"
    VALID = (
        Example("p/s/c.py", "from .d import x"),
        Example("p/s/t/e.py", "from ..d import x"),
        Example("p/s/c.py", "from p.o.f import x"),
        Example("p/a.py", "from .b import x"),
        Example("p/a.py", "from p.s import c"),
    )
    INVALID = (
        Example("p/s/c.py", "from p.s.d import x", "from .d import x"),
        Example("p/s/t/e.py", "from p.s import d", "from .. import d"),
        Example("p/s/c.py", "from ..o.f import x", "from p.o.f import x"),
        Example("p/s/c.py", "from ..a import x", "from p.a import x"),
        Example("p/a.py", "from .s.c import x", "from p.s.c import x"),
        Example("p/a.py", "from p.b import x", "from .b import x"),
    )

    def relative(self, absolute: str, package: str, modules: Modules) -> bool:
        """Where both lie in the same part."""
        return _part(absolute, modules) == _part(package, modules)


def _part(name: str, modules: Modules) -> str:
    above = ".".join(name.split(".")[:2])
    found = modules.find(above)
    return above if found and found.kind in {Kind.PACKAGE, Kind.NAMESPACE} else name.partition(".")[0]


STRATEGIES: Mapping[str, Strategy] = {
    rule.name: rule for rule in (RelativePreferred(), Absolute(), AbsoluteAcrossRelativeWithin())
}
