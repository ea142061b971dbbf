"""The architecture of a Python project: who imports whom, where in circles, how much packages know of each other."""

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

import strata.errors
from strata.api.shapes import Digest
from strata.settings import Settings

if TYPE_CHECKING:
    from strata.migration.coupling import Coupling, Martin
    from strata.migration.graph import Survey
    from strata.migration.imports import Analysis

_REMEMBERED = 8  # trees


class NoSuchTree(strata.errors.StrataError):
    """What is named is no Python project below the working directory."""


class Import(BaseModel):
    """One module imports another."""

    importer: str
    imported: str
    type_only: bool = Field(description="Only a type checker sees it")


class Break(BaseModel):
    """An import to take away."""

    importer: str
    imported: str
    cost: int = Field(description="Names that it takes", ge=0)


class Circle(BaseModel):
    """Modules that all reach each other."""

    kind: str = Field(description="load, deferred or type-only")
    modules: list[str]
    breaks: list[Break] = Field(description="Without these no cycle is left among them")
    minimal: bool = Field(description="Whether it is proved that no set of imports costs less")


class Cross(BaseModel):
    """Cross-package coupling: the sum of strength of connascence x distance x (1 + ln degree), and its counts."""

    weighted: float = Field(ge=0)
    pairs: int = Field(description="Of modules in different packages", ge=0)
    package_pairs: int = Field(ge=0)
    cycles: int = Field(description="Groups of packages that import each other", ge=0)
    packages_in_cycles: int = Field(ge=0)


class Package(BaseModel):
    """Martin's metrics (1994), with modules in the place of classes."""

    name: str
    modules: int = Field(ge=0)
    afferent: int = Field(description="Modules outside that import one inside", ge=0)
    efferent: int = Field(description="Modules inside that import one outside", ge=0)
    instability: float | None = Field(description="Ce / (Ca + Ce)", ge=0, le=1)
    abstractness: float = Field(description="Share of abstract classes", ge=0, le=1)
    distance: float | None = Field(description="|A + I - 1|", ge=0, le=1)


class Between(BaseModel):
    """What one package knows of another."""

    importer: str
    imported: str
    weighted: float = Field(ge=0)
    pairs: int = Field(ge=0)


class Architecture(BaseModel):
    """A project at a glance, without its tests."""

    tree: str
    digest: Digest = Field(description="SHA-256 over the paths and contents of its Python files")
    files: int = Field(ge=1)
    modules: int = Field(ge=0)
    imports: list[Import] = Field(description="The import graph")
    cycles: list[Circle]
    coupling: Cross
    packages: list[Package]
    package_pairs: list[Between] = Field(description="The heaviest first")
    broken: list[str] = Field(description="Imports that fail already")
    left_alone: list[str] = Field(description="Files that could not be read, and why")


class _Memory:
    """The latest answers, each made once however many ask at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.known: dict[tuple[Path, str], Architecture] = {}


_memory = _Memory()


def analysed(tree: str, settings: Settings) -> Architecture:
    """The architecture of the project in that folder below the working directory; of Strata itself where it is empty.

    Raises NoSuchTree. Takes seconds the first time, and blocks.
    """
    from strata.migration.imports import analyse, facts_file
    from strata.migration.project import BadProject

    root = _confined(tree)
    with _memory.lock:
        try:
            found = analyse(root, kept=facts_file(settings.home, root))
        except BadProject as error:
            raise NoSuchTree(f"{tree or 'strata'} cannot be analysed: {error}") from error
        key = root, _digest(found)
        if key not in _memory.known:
            _memory.known[key] = _measured(tree or "strata", found, key[1], settings)
            if len(_memory.known) > _REMEMBERED:
                del _memory.known[next(iter(_memory.known))]
        return _memory.known[key]


def _confined(tree: str) -> Path:
    if not tree:
        return Path(strata.errors.__file__).resolve().parent
    below = Path.cwd().resolve()
    root = (below / tree).resolve()
    if not root.is_relative_to(below) or not root.is_dir():
        raise NoSuchTree(f"there is no folder {tree} below the working directory of the API")
    return root


def _digest(analysis: "Analysis") -> str:
    running = hashlib.sha256()
    for path, facts in sorted(analysis.files.items()):
        running.update(f"{path}\0{facts.digest}\0".encode())
    return running.hexdigest()


def _measured(tree: str, analysis: "Analysis", digest: str, settings: Settings) -> Architecture:
    from strata.migration.connascence import code_file, connascence, read_code
    from strata.migration.coupling import coupling
    from strata.migration.graph import survey
    from strata.migration.imports import facts_file

    home, root = settings.home, analysis.tree.root
    code = read_code(analysis, kept=code_file(home, root))
    seen = survey(analysis, facts_file(home, root).with_suffix(".cycles.json"))
    return Architecture.model_validate({
        "tree": tree,
        "digest": digest,
        "files": seen.files,
        "modules": seen.modules,
        "imports": list(_imports(seen)),
        **_coupled(coupling(code, connascence(code))),
        "cycles": seen.to_json()["cycles"],
        "broken": [f"{each.path}:{each.statement.line}: {each.statement.written}" for each in seen.broken],
        "left_alone": [f"{each.path}: {each.message}" for each in seen.problems],
    })  # fmt: skip


def _imports(seen: "Survey") -> Iterator[dict[str, Any]]:
    pairs: dict[tuple[str, str], bool] = {}
    for edge in seen.edges:
        ends = edge.importer, edge.imported
        pairs[ends] = pairs.get(ends, True) and edge.type_only
    for (importer, imported), type_only in sorted(pairs.items()):
        yield {"importer": importer, "imported": imported, "type_only": type_only}


def _coupled(found: "Coupling") -> dict[str, Any]:
    return {
        "coupling": _fields(Cross, found.cross),
        "packages": [_package(each) for each in found.packages],
        "package_pairs": [_fields(Between, each) for each in found.heaviest],
    }


def _package(each: "Martin") -> dict[str, Any]:
    return _fields(Package, each)


def _fields(model: type[BaseModel], value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in model.model_fields}
