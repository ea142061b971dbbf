"""Results of tests, read from the JUnit XML that pytest and others write. A document may declare nothing of its own."""

from pathlib import Path
from xml.parsers import expat

from strata.errors import StrataError

MOST_BYTES = 256 << 20
MOST_TESTS = 1_000_000
_WORSE = ("passed", "skipped", "failed", "error")
_ENDINGS = {"failure": "failed", "error": "error", "skipped": "skipped"}


class BadReport(StrataError):
    """A report of tests that cannot be read."""


def read_report(path: Path) -> dict[str, str]:
    """passed, failed, error or skipped by "class::name" of the test; the worst, where one is listed more than once.

    Raises BadReport for a file that is missing, too large, malformed, or declares entities.
    """
    found: dict[str, str] = {}
    current: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "testcase":
            current[:] = [f"{attributes.get('classname', '')}::{attributes.get('name', '')}"]
            _note(found, current[0], "passed")
        elif name in _ENDINGS and current:
            _note(found, current[0], _ENDINGS[name])

    def refuse(*_: object) -> None:
        raise BadReport(f"{path} declares a document type, which no report of tests does")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadReport(f"{path} is larger than {MOST_BYTES >> 20} MiB")
        with path.open("rb") as file:
            parser.ParseFile(file)
    except OSError as error:
        raise BadReport(f"{path} cannot be read: {error.strerror}") from error
    except expat.ExpatError as error:
        raise BadReport(f"{path} is no XML: {error}") from error
    return found


def _note(found: dict[str, str], test: str, ending: str) -> None:
    known = found.get(test, ending)
    found[test] = max(known, ending, key=_WORSE.index)
    if len(found) > MOST_TESTS:
        raise BadReport(f"more than {MOST_TESTS} tests")
