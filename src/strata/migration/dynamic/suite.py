"""The project's own tests, before and after: the same ones pass and the same ones fail."""

import os
import shlex
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from strata.migration.dynamic.aside import on_path
from strata.migration.dynamic.guard import NOT_STARTED
from strata.migration.dynamic.junit import BadReport, read_report
from strata.migration.dynamic.processes import Limits, run_apart
from strata.migration.project import Root


@dataclass(frozen=True)
class SuiteRun:
    """One run: the result of each test, and why there is none where there is none."""

    results: Mapping[str, str]
    why_none: str = ""

    def count(self, result: str) -> int:
        """Tests that ended so."""
        return sum(each == result for each in self.results.values())


@dataclass(frozen=True)
class SuiteCompared:
    """different: tests by id with the result before and after (None: not run). unstable: those that differ anyway."""

    before: SuiteRun
    after: SuiteRun
    different: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)
    unstable: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether the change is not seen by any test; where none could be run, it says nothing."""
        return not self.different and self.before.why_none == self.after.why_none


def run_suite(
    copy: Path,
    roots: Sequence[Root],
    limits: Limits,
    *,
    command: str | None = None,
    tests: Iterable[str] = (),
    python: str = sys.executable,
) -> SuiteRun:
    """Run the tests of a tree that was copied aside, with its roots on `sys.path` and an empty home.

    command: of the user's, which must end in pytest, directly or not; else `python -m pytest`. `{tests}` in it becomes
    the files in `tests`; without it all tests are run by a command of the user's.
    """
    chosen = [str(path) for path in tests]
    words = shlex.split(command) if command else [python, "-m", "pytest", "-q", "{tests}"]
    arguments = [each for word in words for each in (chosen if word == "{tests}" else [word])]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        report = Path(folder) / "report.xml"
        environment = {
            "PYTHONPATH": os.pathsep.join(on_path(copy, roots)),
            # Without the last, one file that fails to load would keep all tests from being run.
            "PYTEST_ADDOPTS": f"--junitxml={shlex.quote(str(report))} -p no:cacheprovider "
            "--continue-on-collection-errors",
        }
        ended = run_apart(arguments, copy, limits, environment)
        if ended.code == NOT_STARTED:
            return SuiteRun({}, f"the tests {ended.output.strip()[-200:]}")
        if ended.code is None:
            return SuiteRun({}, f"the tests took longer than {limits.seconds:.0f} s")
        try:
            results = read_report(report)
        except BadReport:
            if "No module named pytest" in ended.output:
                return SuiteRun({}, f"{arguments[0]} has no pytest; name a command that runs the tests")
            last = ended.output.strip().rpartition("\n")[2][:200]
            return SuiteRun({}, f"the tests wrote no report (exit status {ended.code}): {last}")
    if not results:
        return SuiteRun({}, "no tests were collected")
    return SuiteRun(results)


def compare_suites(before: SuiteRun, after: SuiteRun, again: SuiteRun | None = None) -> SuiteCompared:
    """Test by test; what a second run before the change ends otherwise than the first is unstable, and not counted."""
    tests = {*before.results, *after.results}
    different = {
        test: (before.results.get(test), after.results.get(test))
        for test in sorted(tests)
        if before.results.get(test) != after.results.get(test)
    }
    unstable = [t for t in different if again is not None and again.results.get(t) != before.results.get(t)]
    for test in unstable:
        del different[test]
    return SuiteCompared(before, after, different, tuple(unstable))
