"""The violations that a project has already, so that only new ones fail its check."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from strata import files
from strata.errors import StrataError
from strata.migration.check.violation import Violation

FILE = ".strata-imports-baseline.json"
VERSION = 1
_MOST_BYTES = 64 << 20


class BadBaseline(StrataError):
    """A baseline file that cannot be read."""


@dataclass(frozen=True)
class Baseline:
    """By path, the fingerprint of each known violation, with its rule and message for a reader."""

    known: Mapping[str, Mapping[str, tuple[str, str]]] = field(default_factory=dict)

    def has(self, violation: Violation, fingerprint: str) -> bool:
        """Whether the violation is known."""
        return fingerprint in self.known.get(violation.path, {})

    def gone(self, found: Iterable[tuple[Violation, str]], judged: Collection[str]) -> tuple[tuple[str, str, str], ...]:
        """(path, rule, message) of what is known and is no more, in the files that were judged, or in none at all."""
        seen = {(violation.path, fingerprint) for violation, fingerprint in found}
        return tuple(
            (path, *said)
            for path, entries in sorted(self.known.items())
            if path in judged
            for fingerprint, said in sorted(entries.items(), key=lambda entry: entry[1])
            if (path, fingerprint) not in seen
        )

    def updated(self, found: Iterable[tuple[Violation, str]], judged: Collection[str] | None) -> "Baseline":
        """A baseline with what was found; what it knows of files that were not judged stays (None: all were)."""
        kept = {path: dict(known) for path, known in self.known.items() if judged is not None and path not in judged}
        for violation, fingerprint in found:
            kept.setdefault(violation.path, {})[fingerprint] = (violation.rule, violation.message)
        return Baseline(kept)


def read_baseline(path: Path) -> Baseline:
    """Read a file that `write_baseline` wrote; an empty one where there is none. Raises BadBaseline."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return Baseline()
    except OSError as error:
        raise BadBaseline(f"the baseline {path} cannot be read: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise BadBaseline(f"the baseline {path} is larger than {_MOST_BYTES >> 20} MiB")
    try:
        document = json.loads(data)
        if document["version"] != VERSION:
            raise BadBaseline(f"the baseline {path} is of version {document['version']}, and this is {VERSION}")
        known = {
            str(name): {str(each["fingerprint"]): (str(each["rule"]), str(each["message"])) for each in entries}
            for name, entries in document["violations"].items()
        }
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise BadBaseline(f"{path} is no baseline ({error}): restore it, or write a new one") from error
    return Baseline(known)


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write a file that changes no more than it must from one time to the next: sorted, and without lines."""
    violations = {
        name: [
            {"rule": rule, "message": message, "fingerprint": fingerprint}
            for fingerprint, (rule, message) in sorted(entries.items(), key=lambda entry: (entry[1], entry[0]))
        ]
        for name, entries in sorted(baseline.known.items())
        if entries
    }
    text = json.dumps({"version": VERSION, "violations": violations}, indent=1, ensure_ascii=False)
    files.write(path, f"{text}\n".encode(errors="surrogatepass"))
