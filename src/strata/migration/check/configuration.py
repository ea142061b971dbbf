"""What a project wants checked: `[tool.strata.imports]` of its `pyproject.toml`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from strata.errors import StrataError
from strata.migration.connascence import Kind
from strata.migration.project import Configuration
from strata.migration.rewrite import STRATEGIES

# The highest degree of each kind that is no violation. Names and types are what modules share anyway; one place where
# two modules change one object is one too many.
LIMITS: Mapping[Kind, int] = {Kind.NAME: 15, Kind.TYPE: 10, Kind.POSITION: 4}
# Everything that may stand in the table; `roots` is read where the project is.
KEYS = ("roots", "strategy", "off", "exclude", "limits", "tests", "vendored")


class BadConfiguration(StrataError):
    """What the project's configuration says cannot be followed."""


@dataclass(frozen=True)
class CheckOptions:
    """What is checked.

    strategy: how imports are to be written; None: no rule says. off: names of rules that are not applied.
    exclude: patterns of paths that are not judged (`*` also matches `/`). limits: the highest degree of each kind of
    connascence that is no violation. tests, vendored: whether connascence in tests and in copies of others counts.
    """

    strategy: str | None = None
    off: frozenset[str] = frozenset()
    exclude: tuple[str, ...] = ()
    limits: Mapping[Kind, int] = field(default_factory=lambda: dict(LIMITS))
    tests: bool = False
    vendored: bool = False

    def judges(self, path: str) -> bool:
        """Whether violations in this file count."""
        return not any(fnmatchcase(path, pattern) for pattern in self.exclude)


def read_options(configuration: Configuration, rules: frozenset[str]) -> CheckOptions:
    """The options under `tool.strata.imports`: strategy, off, exclude, limits, tests, vendored.

    rules: the names of all rules. Raises BadConfiguration for a value that is not of its kind, so that a check never
    passes because of a slip of the pen.
    """
    found = configuration.at("tool", "strata", "imports")
    table = found if isinstance(found, dict) else {}
    if strange := sorted(table.keys() - set(KEYS)):
        raise BadConfiguration(f"tool.strata.imports has no {strange[0]!r}; {', '.join(KEYS)}")
    strategy = table.get("strategy")
    if strategy is not None and strategy not in STRATEGIES:
        raise BadConfiguration(f"tool.strata.imports.strategy is one of {', '.join(STRATEGIES)}, not {strategy!r}")
    off = frozenset(_texts(table, "off"))
    if unknown := off - rules:
        raise BadConfiguration(
            f"tool.strata.imports.off has no rule {sorted(unknown)[0]!r}; {', '.join(sorted(rules))}"
        )
    return CheckOptions(
        strategy=strategy,
        off=off,
        exclude=tuple(_texts(table, "exclude")),
        limits={**LIMITS, **_limits(table.get("limits", {}))},
        tests=_truth(table, "tests"),
        vendored=_truth(table, "vendored"),
    )


def _texts(table: Mapping[str, Any], key: str) -> list[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise BadConfiguration(f"tool.strata.imports.{key} is a list of texts, not {value!r}")
    return value


def _truth(table: Mapping[str, Any], key: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise BadConfiguration(f"tool.strata.imports.{key} is true or false, not {value!r}")
    return value


def _limits(value: Any) -> dict[Kind, int]:
    kinds = {kind.value: kind for kind in Kind}
    if not isinstance(value, dict):
        raise BadConfiguration(f"tool.strata.imports.limits is a table, not {value!r}")
    for kind, limit in value.items():
        if kind not in kinds or not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
            raise BadConfiguration(
                f"tool.strata.imports.limits gives a whole number for any of {', '.join(kinds)}; not {kind} = {limit!r}"
            )
    return {kinds[kind]: limit for kind, limit in value.items()}
