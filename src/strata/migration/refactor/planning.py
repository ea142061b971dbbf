"""From a project to a plan of moves, and back: whether a plan still fits the project."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from strata.migration.coupling import CrossPackage
from strata.migration.graph import import_edges
from strata.migration.imports import Analysis, Via
from strata.migration.refactor.advice import find_advice
from strata.migration.refactor.fixed import fixed_modules
from strata.migration.refactor.layout import Aim, Layout, Limits
from strata.migration.refactor.moving import Move, Mover
from strata.migration.refactor.optimise import optimise, propose
from strata.migration.refactor.plan import BadMoves, MovePlan, PlannedMove
from strata.migration.refactor.stuck import Stuck
from strata.migration.refactor.survey import layout_of

DEFAULT = Limits(price=1.0)
MOST_ROUNDS = 12  # of planning anew without the modules that turned out to be stuck


def plan_moves(
    analysis: Analysis,
    limits: Limits = DEFAULT,
    *,
    aim: Aim = "pairs",
    seed: int = 0,
    shims: bool = True,
    keep: Iterable[str] = (),
    roots: Sequence[str] = (),
) -> MovePlan:
    """The moves that lower the coupling of a project's packages most, of modules for which each file can be proved.

    Every move is tried on the project as it is; one that cannot be made is fixed with its reason, and the rest planned
    again. shims: whether old names stay importable, each at the price of a pair. keep: modules that stay, and packages
    whose modules do; raises BadMoves where one of them is nothing of the project.
    """
    fixed, trials = fixed_modules(analysis) | _kept(analysis, keep), _Trials(analysis)
    for _ in range(MOST_ROUNDS):
        layout = layout_of(analysis, fixed)
        found = optimise(layout, limits, aim=aim, seed=seed)
        names = _names(layout, dict(found.moves))
        steps = [
            PlannedMove(module, layout.package[module], to, shim=shims, name=names.get(module, ""))
            for module, to in found.moves
        ]
        stuck = {step.module: code for step in steps if (code := trials.stuck(step.move))}
        if not stuck:
            break
        fixed |= stuck
    else:
        steps = [step for step in steps if step.module not in stuck]
        found = propose(layout, {step.module: step.target for step in steps})
        if _is_worse(found.before, found.after):
            steps, found = [], propose(layout, {})
    gains = dict(zip(dict(found.moves), found.gains, strict=True))
    paths = sorted({path for step in steps for path in trials.touched[step.move] if path in analysis.files})
    return MovePlan(
        tree=str(analysis.tree.root),
        steps=tuple(_priced(analysis, steps, gains)),
        files={path: analysis.files[path].digest for path in paths},
        before=found.before,
        after=found.after,
        roots=tuple(roots),
        fixed=dict(Counter(reason for module, reason in fixed.items() if module in layout.package).most_common()),
        advice=tuple(find_advice(analysis)),
    )


def check_plan(plan: MovePlan, analysis: Analysis) -> None:
    """Raise BadMoves where the plan does not fit the project: modules that are not there, files that changed since.

    Files are compared as long as no step of the plan has been made.
    """
    known = set(analysis.modules.by_path().values())
    begun = False
    for number, step in enumerate(plan.steps, 1):
        begun = begun or step.move.new in known
        if step.module not in known and step.move.new not in known:
            raise BadMoves(f"step {number}: {step.module} is no module of {analysis.tree.root}")
    if begun:
        return
    for path, digest in plan.files.items():
        facts = analysis.files.get(path)
        if facts is None or facts.digest != digest:
            what = "is not there" if facts is None else "has changed"
            raise BadMoves(f"{path} {what} since the plan was made; plan again")


def _kept(analysis: Analysis, keep: Iterable[str]) -> dict[str, str]:
    names = set(analysis.modules.by_path().values())
    found: dict[str, str] = {}
    for each in keep:
        inside = {name for name in names if f"{name}.".startswith(f"{each}.")}
        if not inside:
            raise BadMoves(f"{each} is no module or package of {analysis.tree.root}, and cannot be kept")
        found |= dict.fromkeys(inside, "asked")
    return found


def _is_worse(before: CrossPackage, after: CrossPackage) -> bool:
    return after.package_pairs > before.package_pairs or after.packages_in_cycles > before.packages_in_cycles


class _Trials:
    """Moves that were worked out on the project as it is, each once."""

    def __init__(self, analysis: Analysis) -> None:
        self._mover = Mover(analysis, {})  # who plans knows what is fixed
        self._stuck: dict[Move, str] = {}
        self.touched: dict[Move, list[str]] = {}

    def stuck(self, move: Move) -> str | None:
        """Why the move cannot be made; None where it can."""
        if move not in self.touched and move not in self._stuck:
            try:
                changes = self._mover.step(move).changes
            except Stuck as error:
                self._stuck[move] = error.code
            else:
                self.touched[move] = [change.path for change in changes if change.before is not None]
        return self._stuck.get(move)


def _priced(analysis: Analysis, steps: Sequence[PlannedMove], gains: Mapping[str, int]) -> list[PlannedMove]:
    importers, strings = defaultdict(set), Counter[str]()
    for edge in import_edges(analysis):
        importers[edge.imported].add(edge.importer)
    values = [
        each.value
        for facts in analysis.files.values()
        for each in facts.strings
        if each.via not in {Via.RUN_PATH, Via.FILE_LOCATION}
    ]
    values += [each.value.replace(":", ".") for some in analysis.evidence.references.values() for each in some]
    for step in steps:
        strings[step.module] = sum(f"{value}.".startswith(f"{step.module}.") for value in values)
    return [
        replace(
            step,
            gain=gains.get(step.module, step.gain),
            importers=len(importers[step.module]),
            strings=strings[step.module],
        )
        for step in steps
    ]


def _names(layout: Layout, moves: Mapping[str, str]) -> dict[str, str]:
    """New names for modules whose own is taken where they go: with that of the package that they leave before it."""
    taken = {f"{package}.{module.rpartition('.')[2]}" for module, package in layout.package.items()}
    taken |= set(layout.package.values())
    found = {}
    for module, to in moves.items():
        base = module.rpartition(".")[2]
        name = base
        while f"{to}.{name}" in taken:
            name = f"{layout.package[module].rpartition('.')[2].strip('_')}_{name}"
        taken.add(f"{to}.{name}")
        if name != base:
            found[module] = name
    return found
