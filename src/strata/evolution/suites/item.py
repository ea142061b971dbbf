"""One question to a model, and how its answer is judged."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from strata.errors import StrataError

Scoring = Literal["choice", "exact", "tests"]
LONGEST_TEXT = 100_000  # characters of any one field
MOST_CHOICES = 64


class BadSuite(StrataError):
    """Items that cannot be read or are no items, or a suite that has not as many as were asked for."""


@dataclass(frozen=True)
class Item:
    """A prompt, and what judges the answer by `scoring`:

    - `choice`: of `choices`, the one that the model finds likeliest must be number `answer`;
    - `exact`: what the model writes by greedy decoding, up to `stop`, must be `target` but for white space around it;
    - `tests`: the model's text is Python; with `tests` (Python too) after it, it must run and exit with 0.

    Within a domain no two items have the same `id`. `cluster` names what an item shares with others: its template.
    `stop`: what ends an answer; likelihoods of choices include it. `suite`: name and version of where it comes from.
    """

    id: str
    domain: str
    prompt: str
    scoring: Scoring
    choices: tuple[str, ...] = ()
    answer: int | None = None
    target: str | None = None
    tests: str | None = None
    stop: str = ""
    cluster: str | None = None
    suite: str = ""

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise BadSuite(f"item {self.id!r:.80}: {problem}")

    @property
    def digest(self) -> str:
        """SHA-256 of everything but `suite`: of what decides how a model scores."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """One line of JSON in its one form, without `suite` and the fields that are not set."""
        fields = {name: value for name, value in asdict(self).items() if value not in (None, (), "")}
        fields.pop("suite", None)
        return json.dumps(fields, sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes, suite: str = "") -> "Item":
        """Inverse of `to_json`; raises BadSuite."""
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            raise BadSuite("not JSON") from None
        if not isinstance(fields, dict):
            raise BadSuite("not a JSON object")
        unknown = fields.keys() - _FIELDS
        missing = {"id", "domain", "prompt", "scoring"} - fields.keys()
        if unknown or missing:
            words = [f"unknown field {name!r:.80}" for name in sorted(unknown)]
            raise BadSuite(", ".join(words + [f"{name} is missing" for name in sorted(missing)]))
        choices = fields.get("choices", [])
        if not isinstance(choices, list):
            raise BadSuite("choices is a list of texts")
        return cls(**fields | {"choices": tuple(choices), "suite": suite})

    def of(self, suite: str) -> "Item":
        """The same item as one of `suite`."""
        return replace(self, suite=suite)

    def _problem(self) -> str | None:
        texts: dict[str, Any] = {"id": self.id, "domain": self.domain, "prompt": self.prompt, "stop": self.stop}
        texts |= {name: value for name in ("target", "tests", "cluster") if (value := getattr(self, name)) is not None}
        for name, value in [*texts.items(), *(("choice", choice) for choice in self.choices)]:
            if not isinstance(value, str) or len(value) > LONGEST_TEXT:
                return f"{name} is a text of at most {LONGEST_TEXT} characters"
            if not value and name not in ("stop", "target"):
                return f"{name} is empty"
        if self.scoring not in get_args(Scoring):
            return f"scoring is one of {', '.join(get_args(Scoring))}"
        return self._problem_of_scoring()

    def _problem_of_scoring(self) -> str | None:
        match self.scoring:
            case "choice":
                if not 2 <= len(set(self.choices)) == len(self.choices) <= MOST_CHOICES:
                    return f"choices are 2 to {MOST_CHOICES} texts that differ"
                if type(self.answer) is not int or not 0 <= self.answer < len(self.choices):
                    return "answer is the number of the right choice, counted from 0"
                return None
            case "exact":
                return "target is missing" if self.target is None else None
            case "tests":
                return "tests are missing" if self.tests is None else None


_FIELDS = {"id", "domain", "prompt", "scoring", "choices", "answer", "target", "tests", "stop", "cluster"}
