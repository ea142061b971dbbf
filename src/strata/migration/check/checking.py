"""Checking a project: every rule, and what becomes of what it finds."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from strata.migration.check.baseline import Baseline
from strata.migration.check.configuration import CheckOptions
from strata.migration.check.project import Project
from strata.migration.check.rules import RULES
from strata.migration.check.suppress import Comments
from strata.migration.check.violation import State, Violation, fingerprints
from strata.migration.connascence import Code
from strata.migration.project import Problem


@dataclass(frozen=True, slots=True)
class Found:
    """A violation, how it is known again, and what becomes of it."""

    violation: Violation
    fingerprint: str
    state: State


@dataclass(frozen=True, slots=True)
class Compliance:
    """How far a rule is followed: violating of eligible sites. Comments, excuses and a baseline do not change it."""

    eligible: int
    violating: int

    @property
    def share(self) -> float:
        """1 - violating / eligible; 1 where there is no site."""
        return 1 - self.violating / self.eligible if self.eligible else 1.0


@dataclass(frozen=True)
class Checked:
    """What a check found.

    gone: (path, rule, message) of what the baseline knows and is no more. problems: files that cannot be judged.
    """

    found: tuple[Found, ...]
    compliance: Mapping[str, Compliance]
    gone: tuple[tuple[str, str, str], ...]
    judged: frozenset[str]
    problems: tuple[Problem, ...] = ()

    @property
    def new(self) -> tuple[Found, ...]:
        """What fails the check."""
        return tuple(each for each in self.found if each.state is State.NEW)

    def count(self, state: State) -> int:
        """How many are in a state."""
        return sum(each.state is state for each in self.found)

    def baseline(self, before: Baseline, *, whole: bool) -> Baseline:
        """A baseline with which the same check finds nothing new; `whole` says that no file was left out."""
        kept = [(each.violation, each.fingerprint) for each in self.found if each.state in {State.NEW, State.KNOWN}]
        return before.updated(kept, None if whole else self.judged)


def check(
    code: Code, options: CheckOptions, baseline: Baseline | None = None, files: Collection[str] | None = None
) -> Checked:
    """Apply every rule that is not off.

    files: paths of those that are judged, the others only bear on them; all if not given.
    """
    known = baseline or Baseline()
    wanted = [path for path in code.analysis.files if files is None or path in files]
    project = Project(code, options, frozenset(path for path in wanted if options.judges(path)))
    comments = Comments(code.analysis.tree.root)
    found, compliance = list[Found](), {}
    for name, rule in RULES.items():
        if name in options.off:
            continue
        seen = rule.look(project)
        compliance[name] = Compliance(seen.eligible, len(seen.violations))
        for violation, fingerprint in zip(seen.violations, fingerprints(seen.violations), strict=True):
            found.append(Found(violation, fingerprint, _state(violation, fingerprint, comments, known)))
    found.sort(key=lambda each: (each.violation.path, each.violation.line, each.violation.rule))
    gone = known.gone(((each.violation, each.fingerprint) for each in found), _gone_from(known, project, files))
    problems = tuple(each for each in code.analysis.problems if files is None or each.path in files)
    return Checked(tuple(found), compliance, gone, project.judged, problems)


def _state(violation: Violation, fingerprint: str, comments: Comments, known: Baseline) -> State:
    if comments.suppress(violation):
        return State.SUPPRESSED
    if violation.excuse is not None:
        return State.EXCUSED
    return State.KNOWN if known.has(violation, fingerprint) else State.NEW


def _gone_from(known: Baseline, project: Project, files: Collection[str] | None) -> Collection[str]:
    """Files of which it is known what they violate now: with a whole check also those that are no more."""
    return project.judged if files is not None else {*project.judged, *known.known}
