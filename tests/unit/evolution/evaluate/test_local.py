"""How a local scorer puts questions together changes no answer."""

from pathlib import Path

import pytest

from strata.evolution.evaluate.local import LocalScorer
from strata.evolution.suites import DOMAINS, draw

FOLDER = Path(__file__).parents[4] / "data" / "evolution" / "base"
ITEMS = [item for domain in DOMAINS for item in draw(domain, "search", 0, 9, 3)]
QUESTIONS = [(item.prompt, [choice + item.stop for choice in item.choices]) for item in ITEMS]
QUESTIONS += [("rot(abcd)=", ["bcda", "b", "bcda;bcda;", "dcba;"]), ("next(", ["1"])]


@pytest.mark.parametrize("options", [{"packed": False}, {"most_tokens": 1}, {"most_tokens": 100}])
def test_how_they_are_batched_changes_nothing(options: dict[str, int]):
    expected = LocalScorer(FOLDER).log_likelihoods(QUESTIONS)
    for found, value in zip(LocalScorer(FOLDER, **options).log_likelihoods(QUESTIONS), expected, strict=True):
        assert found == pytest.approx(value, abs=1e-4)
