"""One move as changes to files: the module at its new place, everything that names it rewritten, a shim at the old.

Each file's change is proved, or the move is not made.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from strata.migration.imports import Analysis, FileFacts, How, Origin, RunName, absolute_name, parse
from strata.migration.project import BadSource, Change, Edit, Kind, Modules, Source, Step, decode, read_source, splice
from strata.migration.refactor.dotted import bound_names, chains, left_string, string_edits, use_edits
from strata.migration.refactor.equal import first_difference
from strata.migration.refactor.fixed import closed_packages, fixed_modules
from strata.migration.refactor.importing import Place, statement_edits, unaliased
from strata.migration.refactor.shim import shim_target, shim_text
from strata.migration.refactor.stuck import Stuck
from strata.migration.rewrite import Refusal, live_names, main_name
from strata.migration.verify import prove


@dataclass(frozen=True, slots=True)
class Move:
    """A module's old and new dotted name, and whether the old one stays importable."""

    old: str
    new: str
    shim: bool = True


def make_step(analysis: Analysis, move: Move) -> Step:
    """The changes that a move makes, each proved. Nothing is written; raises Stuck with the reason.

    The package that the module leaves goes on importing it by the old name where there is a shim: so the module stays
    an attribute of that package.
    """
    return Mover(analysis).step(move)


class Mover:
    """A project of which several moves are worked out, each on the project as it is."""

    def __init__(self, analysis: Analysis, fixed: Mapping[str, str] | None = None) -> None:
        """fixed: modules that stay, with the reason (`fixed_modules`)."""
        self.analysis = analysis
        self.fixed = fixed_modules(analysis) if fixed is None else fixed
        self.closed = closed_packages(analysis)
        self.known = {name: path for path, name in analysis.modules.by_path().items()}
        self.live = live_names(analysis)

    def is_made(self, move: Move) -> bool:
        """Whether the module lies at its new place already, and at the old one nothing but its shim."""
        old = self.known.get(move.old)
        if move.new not in self.known:
            return False
        return old is None or shim_target(read_source(self.analysis.tree.root / old)) == move.new

    def step(self, move: Move) -> Step:
        """As `make_step`."""
        moving = _Moving(self, move)
        moving.check()
        changes = [change for path in moving.paths() if (change := moving.change(path)) is not None]
        before, after = moving.moved()
        changes += moving.configured()
        shim = shim_text(move.new) if move.shim else None
        why = f"{move.old} becomes {move.new}" + (", and its old name a shim" if move.shim else "")
        ends = Change(moving.new_path, None, after), Change(moving.path, before, shim)
        return Step(f"move {move.old}", why, (ends[0], *changes, ends[1]))


class _Moving:
    """One move while it is worked out."""

    def __init__(self, mover: Mover, move: Move) -> None:
        self.mover, self.analysis, self.move = mover, mover.analysis, move
        self.known, self.live = mover.known, mover.live
        self.renamed = {move.old: move.new}
        self.package, _, self.base = move.old.rpartition(".")
        self.target, _, self.new_base = move.new.rpartition(".")
        if move.old not in self.known:
            raise Stuck("no-module", f"{move.old} is no module of the project")
        self.path = self.known[move.old]
        root, _ = self.analysis.modules.names(self.path)[0]
        place = root.place_of(move.new)
        if place is None:
            raise Stuck("no-place", f"{move.new} lies below none of the roots of the project")
        self.new_path = f"{place}.py"

    def check(self) -> None:
        """Raise Stuck where the module must stay, or the new name is taken."""
        modules, move = self.analysis.modules, self.move
        if reason := self.mover.fixed.get(move.old):
            raise Stuck(reason, f"{move.old} is not to be moved")
        if reason := self.mover.closed.get(self.target):
            raise Stuck(reason, f"nothing is to be moved into {self.target}")
        if len({name.name for name in self.live[self.path] if name.how is How.IMPORT}) != 1:
            raise Stuck("two-names", f"{self.path} is imported under several names, and each would need a shim")
        there = modules.find(self.target)
        if there is None or there.kind not in {Kind.PACKAGE, Kind.NAMESPACE}:
            raise Stuck("no-package", f"{self.target} is no package of the project")
        if modules.find(move.new) is not None or (self.analysis.tree.root / self.new_path).exists():
            raise Stuck("name-taken", f"there is a {move.new} already")
        if not self.new_base.isidentifier():
            raise Stuck("no-name", f"{self.new_base} is no name of a module")
        if self.new_base in self._bound_by(self.target):
            raise Stuck("name-taken", f"{self.target} binds {self.new_base} to something else")
        for path, facts in self.analysis.files.items():
            if package := self._starred(facts):
                raise Stuck("star-import", f"{path} takes whatever {package} has, and that would change")
        for node in self._bound_by(self.package).get(self.base, ()):
            if not self._binds_module(node):
                raise Stuck("shadowed", f"{self.package} binds {self.base} to something else than the module")

    def _starred(self, facts: FileFacts) -> str | None:
        """Which of the two packages the file takes all names from, if that package does not list them."""
        name = main_name(self.live[facts.path])
        for statement in facts.statements:
            if ("*", None) in statement.names:
                asked = absolute_name(statement, name.package if name else None)
                if asked in {self.package, self.target} and "__all__" not in self._bound_by(asked):
                    return asked
        return None

    def paths(self) -> Iterator[str]:
        """Files that may have to change, but for the module itself."""
        keeps = self.known.get(self.package) if self.move.shim else None
        word = re.compile(rb"\b" + self.base.encode() + rb"\b")
        for path, facts in self.analysis.files.items():
            if path not in {self.path, keeps} and facts.problem is None and word.search(self._read(path)):
                yield path

    def change(self, path: str) -> Change | None:
        """A file's change, proved; None where it does not name what moves."""
        data = self._read(path)
        after = self._rewritten(path, data)
        return None if after == data else Change(path, data, after)

    def moved(self) -> tuple[bytes, bytes]:
        """The module's bytes before and after."""
        data = self._read(self.path)
        return data, self._rewritten(self.path, data)

    def configured(self) -> Iterator[Change]:
        """Entry points in configuration files."""
        for path, references in self.analysis.evidence.references.items():
            data = self._read(path)
            source = Source(data.decode(), "utf-8")
            edits = string_edits(source, references, self.move.old, self.move.new)
            if edits:
                yield Change(path, data, splice(source.text, edits).encode())

    def _rewritten(self, path: str, data: bytes) -> bytes:
        facts, names = self.analysis.files[path], self.live[path]
        try:
            source, tree = decode(data), parse(data)
            edits = self._edits(facts, source, tree, main_name(names))
            after = Source(splice(source.text, edits), source.encoding).encode()
        except BadSource as error:
            raise Stuck(error.code, f"{path}: {error}") from error
        except Stuck as error:
            raise Stuck(error.code, f"{path}: {error}") from error
        if after != data:
            self._prove(facts, data, after)
        return after

    def _edits(self, facts: FileFacts, source: Source, tree: ast.Module, name: RunName | None) -> list[Edit]:
        package = name.package if name else None
        place = Place(package, self.target if facts.path == self.path else package)
        nodes = {(n.lineno, n.col_offset): n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)}
        found: list[Edit] = []
        for statement in facts.statements:
            node = nodes[statement.start]
            found += statement_edits(source, node, statement, self.renamed, place)
        if any(unaliased(node, self.move.old) for node in nodes.values()):
            found += use_edits(source, tree, self.move.old, self.move.new)
        else:
            self._check_attributes(tree, facts, package)
        found += string_edits(source, facts.strings, self.move.old, self.move.new)
        if not self.move.shim and (line := left_string(tree, facts.strings, self.move.old)):
            raise Stuck("string", f"line {line}: a string may name {self.move.old}, and there would be no shim")
        return list({(edit.start, edit.end): edit for edit in found}.values())

    def _check_attributes(self, tree: ast.Module, facts: FileFacts, package: str | None) -> None:
        """Raise Stuck where the module is used as an attribute of its package, and will be none."""
        if self.move.shim and self._package_loads_it():
            return
        bound = dict(_bound_modules(facts, package, self.analysis.modules))
        for node, parts in chains(tree):
            dotted = ".".join([bound.get(parts[0], ""), *parts[1:]])
            if f"{dotted}.".startswith(f"{self.move.old}.") and bound.get(parts[0]) != self.move.old:
                raise Stuck("attribute-use", f"line {node.lineno}: uses {self.move.old} without importing it")

    def _package_loads_it(self) -> bool:
        path = self.known.get(self.package)
        facts = self.analysis.files[path] if path else FileFacts("", "")
        for statement in facts.statements:
            asked = absolute_name(statement, self.package) if statement.level is not None else ""
            names = [name for name, _ in statement.names]
            taken = [f"{asked}.{name}" for name in names] if statement.level is not None else names
            if not statement.guard and self.move.old in {asked, *taken}:
                return True
        return False

    def _prove(self, facts: FileFacts, data: bytes, after: bytes) -> None:
        names = self.live[facts.path]
        proof = prove(data, after, facts, names, self.analysis.modules, renamed=self.renamed)
        if not isinstance(proof, Refusal):
            return
        pairs = [(name, self._name_after(name, facts)) for name in names]
        line = first_difference(parse(data), parse(after), pairs, self.renamed)
        if proof.code != "not-equal" or line is not None or not names:
            raise Stuck(proof.code, f"{facts.path}:{line or proof.line}: {proof.message}")

    def _name_after(self, name: RunName, facts: FileFacts) -> RunName:
        if facts.path != self.path:
            return name
        return RunName(self.move.new, self.target, name.roots, name.how)

    def _bound_by(self, package: str) -> Mapping[str, list[ast.AST]]:
        path = self.known.get(package)
        try:
            return bound_names(parse(self._read(path))) if path else {}
        except BadSource:
            return {}

    def _binds_module(self, node: ast.AST) -> bool:
        match node:
            case ast.ImportFrom(module=module, level=level) if level or module == self.package:
                return (level == 1 and not module) or (level == 0 and module == self.package)
            case ast.Import(names=names):
                return any(alias.name == self.move.old for alias in names)
        return False

    def _read(self, path: str) -> bytes:
        try:
            return read_source(self.analysis.tree.root / path)
        except BadSource as error:
            raise Stuck(error.code, f"{path} {error}") from error


def _bound_modules(facts: FileFacts, package: str | None, modules: Modules) -> Iterator[tuple[str, str]]:
    """Names of a file that stand for packages and modules, with the absolute name of each."""
    for statement in facts.statements:
        asked = "" if statement.level is None else absolute_name(statement, package)
        if isinstance(asked, Origin):
            continue
        for name, alias in statement.names:
            if statement.level is None:
                yield (alias, name) if alias else (name.partition(".")[0],) * 2
            elif modules.find(f"{asked}.{name}") is not None:
                yield alias or name, f"{asked}.{name}"
