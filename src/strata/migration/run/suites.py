"""The project's tests in a copy of the tree as it was, and in one with the changes; first those that can reach them."""

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from strata import files
from strata.migration.dynamic import Limits, Reach, SuiteCompared, SuiteRun, compare_suites, derive, run_suite
from strata.migration.project import Change, Root
from strata.migration.run.culprits import find_culprits


@dataclass(frozen=True)
class Suites:
    """before: the tree as it was, copied aside. command: of the user's; `python -m pytest` of `python` if not given."""

    before: Path
    roots: Sequence[Root]
    reach: Reach
    limits: Limits
    command: str | None
    python: str

    def compare(self, changes: Sequence[Change]) -> tuple[SuiteCompared, list[Change]]:
        """All tests before, and with the changes; and the changes for which a test ends otherwise.

        Those are not counted among the results after. Where a command of the user's does not take files (`{tests}`)
        it is run once; else first the tests that can reach a change are run, then the others.
        """
        culprits: list[Change] = []
        before, after = SuiteRun({}), SuiteRun({})
        unstable: tuple[str, ...] = ()
        different: dict[str, tuple[str | None, str | None]] = {}
        for tests in self._phases(changes):
            compared = self._both(tests, changes)
            if compared.different:
                # A suite that says nothing, twice, cannot tell them apart.
                silent = bool(compared.after.why_none)
                guilty = list(changes) if silent else self._culprits(tests, compared, changes)
                culprits += guilty
                changes = [each for each in changes if each not in guilty]
                different |= compared.different
                compared = self._both(tests, changes)
            before, after = _joined(before, compared.before), _joined(after, compared.after)
            unstable += compared.unstable
        return SuiteCompared(before, after, different, unstable), culprits

    def _phases(self, changes: Sequence[Change]) -> list[list[str]]:
        if self.command is not None and "{tests}" not in self.command:
            return [[]]
        every = self.reach.all_tests()
        reached = self.reach.tests(change.path for change in changes)
        chosen = set(reached)
        phases = [reached, [path for path in every if path not in chosen]]
        return [phase for phase in phases if phase]

    def _both(self, tests: Sequence[str], changes: Sequence[Change]) -> SuiteCompared:
        before, after = self._before(tests), self._with(tests, changes)
        if after.why_none and not before.why_none:
            after = self._with(tests, changes)
        compared = compare_suites(before, after)
        return compare_suites(before, after, self._run(self.before, tests)) if compared.different else compared

    def _culprits(self, tests: Sequence[str], compared: SuiteCompared, changes: Sequence[Change]) -> list[Change]:
        failing = _files_of(compared.different, tests)
        reaching = [change for change in changes if set(failing) & set(self.reach.tests([change.path]))] or [*changes]

        def fails(some: Sequence[Change]) -> bool:
            found = self._with(failing, some).results
            return any(found.get(test) == after for test, (_, after) in compared.different.items())

        return find_culprits(reaching, fails)

    def _before(self, tests: Sequence[str]) -> SuiteRun:
        """Results before, kept beside the copy, since a suite may take long."""
        asked = json.dumps([self.command, self.python, list(tests)])
        kept = self.before.parent.parent / f"suite-{hashlib.sha256(asked.encode()).hexdigest()[:16]}.json"
        if kept.exists():
            found = json.loads(kept.read_bytes())
            return SuiteRun(found["results"], found["why_none"])
        run = self._run(self.before, tests)
        files.write(kept, json.dumps({"results": dict(run.results), "why_none": run.why_none}).encode())
        return run

    def _with(self, tests: Sequence[str], changes: Sequence[Change]) -> SuiteRun:
        with tempfile.TemporaryDirectory(dir=self.before.parent.parent, ignore_cleanup_errors=True) as folder:
            return self._run(derive(self.before, Path(folder), changes), tests)

    def _run(self, copy: Path, tests: Sequence[str]) -> SuiteRun:
        return run_suite(copy, self.roots, self.limits, command=self.command, tests=tests, python=self.python)


def _joined(one: SuiteRun, other: SuiteRun) -> SuiteRun:
    return SuiteRun({**one.results, **other.results}, one.why_none or other.why_none)


def _files_of(different: Mapping[str, object], tests: Sequence[str]) -> list[str]:
    """The files that these tests are in, by pytest's names for classes; all where one cannot be told."""
    by_module = {path.removesuffix(".py").replace("/", "."): path for path in tests}
    found = set()
    for test in different:
        module = test.partition("::")[0]
        while module and module not in by_module:
            module = module.rpartition(".")[0]
        if not module:
            return list(tests)
        found.add(by_module[module])
    return sorted(found)
