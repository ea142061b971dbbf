"""The code of a project, joined: what a reference in one file names in another."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cached_property

from strata.migration.connascence.facts import OWN, Binding, Class, CodeFacts, Function, Name
from strata.migration.imports import Analysis, How, Origin, RunName, Statement, resolve
from strata.migration.project import Kind, Module


@dataclass(frozen=True, slots=True)
class Symbol:
    """What a reference names: a file of the project, and a name in it ("" for the module), "C.m" for a method.

    kind: "module", "class", "function", "container", "value", or "unknown" for a name that the file does not show.
    """

    path: str
    name: str
    kind: str


class Code:
    """The facts of all files; `counted` are those in which places are looked for."""

    def __init__(self, analysis: Analysis, facts: Mapping[str, CodeFacts], counted: Set[str] | None = None) -> None:
        self.analysis = analysis
        self.facts = facts
        self.counted = frozenset(facts) if counted is None else frozenset(counted)
        self.modules: dict[str, str] = {}
        self._names: dict[str, RunName] = {}
        for path in facts:
            found = next((each for each in analysis.names[path] if each.how is How.IMPORT), None)
            if found is not None:
                self._names[path] = found
                self.modules[path] = found.name
        self._found: dict[tuple[str, int, str], Symbol | None] = {}
        self._passed_on: dict[tuple[str, str], Symbol] = {}
        self._bases: dict[tuple[str, int], tuple[Module | None, str | None, str | None]] = {}

    def files(self) -> Iterator[tuple[str, CodeFacts]]:
        """The files in which places are looked for, in the order of their paths; those without a name are left out."""
        return ((path, self.facts[path]) for path in sorted(self.counted) if path in self.modules)

    def symbol(self, path: str, binding: int, chain: str) -> Symbol | None:
        """What a reference in a file names; None for what is not the project's, or not to be found."""
        key = (path, binding, chain)
        if key not in self._found:
            self._found[key] = self._look_up(path, binding, chain, set())
        return self._found[key]

    def foreign(self, path: str, binding: int, chain: str) -> Symbol | None:
        """The same, and None for what is in the file itself."""
        found = self.symbol(path, binding, chain)
        return None if found is None or found.path == path else found

    def external(self, path: str, binding: int, chain: str) -> str | None:
        """The absolute dotted name that a reference has where it is not the project's, such as "abc.ABC"."""
        if binding == OWN:
            return None
        target, attribute, outside = self._base(path, binding)
        return ".".join(filter(None, (outside, attribute, chain))) if target is None and outside else None

    def function(self, symbol: Symbol) -> Function | None:
        """The facts of a function; for a class, of its `__init__`."""
        name = f"{symbol.name}.__init__" if symbol.kind == "class" else symbol.name
        return self._functions.get((symbol.path, name))

    def class_at(self, path: str, name: str) -> Class | None:
        """The facts of a class of a file."""
        return self._classes.get((path, name))

    @cached_property
    def _functions(self) -> Mapping[tuple[str, str], Function]:
        return {(path, each.name): each for path, facts in self.facts.items() for each in facts.functions}

    @cached_property
    def _classes(self) -> Mapping[tuple[str, str], Class]:
        return {(path, each.name): each for path, facts in self.facts.items() for each in facts.classes}

    # `seen` holds the names of files that this look-up has been at: re-exports can go round in a circle.

    def _look_up(self, path: str, binding: int, chain: str, seen: set[tuple[str, str]]) -> Symbol | None:
        if path not in self._names:
            return None
        parts = chain.split(".") if chain else []
        if binding == OWN:
            return self._named(path, parts[0], parts[1:], seen)
        target, attribute, _ = self._base(path, binding)
        if target is None:
            return None
        return self._inside(target, [attribute, *parts] if attribute else parts, seen)

    def _inside(self, target: Module, parts: list[str], seen: set[tuple[str, str]]) -> Symbol | None:
        while parts and target.kind in {Kind.PACKAGE, Kind.NAMESPACE}:
            shown = self.facts[target.path].names if target.path in self.facts else None
            below = self.analysis.modules.find(f"{target.name}.{parts[0]}")
            if below is None or (shown and parts[0] in shown):
                break  # what the package itself calls so hides a submodule of that name
            target, parts = below, parts[1:]
        if target.path not in self.facts:
            return None  # compiled, or a folder
        return self._named(target.path, parts[0], parts[1:], seen) if parts else Symbol(target.path, "", "module")

    def _named(self, path: str, name: str, rest: list[str], seen: set[tuple[str, str]]) -> Symbol | None:
        if (path, name) in seen:
            return None
        seen.add((path, name))
        facts = self.facts[path]
        found: Name | None = facts.names.get(name)
        if found is None:
            return self._starred(path, facts, name, rest, seen) or Symbol(path, ".".join([name, *rest]), "unknown")
        if found.kind == "import":
            return self._look_up(path, found.at, ".".join(rest), seen)
        if not rest:
            return Symbol(path, name, found.kind)
        dotted = ".".join([name, *rest])
        if found.kind == "class" and (path, dotted) in self._functions:
            return Symbol(path, dotted, "function")
        return Symbol(path, dotted, "unknown")

    def _starred(
        self, path: str, facts: CodeFacts, name: str, rest: list[str], seen: set[tuple[str, str]]
    ) -> Symbol | None:
        key = path, ".".join([name, *rest])
        for star in facts.stars if key not in self._passed_on else ():
            target, _, _ = self._base(path, star)
            shown = None if target is None else self._inside(target, [name, *rest], seen)
            if shown is not None and shown.kind != "unknown":
                self._passed_on[key] = shown
                break
        return self._passed_on.get(key)

    def _base(self, path: str, binding: int) -> tuple[Module | None, str | None, str | None]:
        """What a binding names: a module of the project and an attribute of it, or a name outside."""
        key = (path, binding)
        if key not in self._bases:
            name = self._names.get(path)
            self._bases[key] = (
                (None, None, None) if name is None else self._resolve(path, self.facts[path].bindings[binding], name)
            )
        return self._bases[key]

    def _resolve(self, path: str, binding: Binding, name: RunName) -> tuple[Module | None, str | None, str | None]:
        written = binding.name
        if binding.level is None and binding.bound == written.partition(".")[0]:
            written = binding.bound  # `import a.b` binds `a`
        place = (binding.line, 0)
        statement = Statement(place, place, binding.level, binding.module, ((written, None),))
        (found,) = resolve(statement, name, self.analysis.modules)
        if found.origin is Origin.PROJECT:
            package = None if binding.level is None else self.analysis.modules.find(found.module)
            shown = self.facts[package.path].names if package is not None and package.path in self.facts else None
            if found.attribute is None and package is not None and package.path != path and shown and written in shown:
                return package, written, None
            return found.target, None if found.attribute == "*" else found.attribute, None
        return None, found.attribute, found.module or None
