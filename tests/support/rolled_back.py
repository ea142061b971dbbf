"""A ledger and store in which generation 1 made a child champion that was then rolled back for a drop in math."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strata.evolution.lineage import Championship, Family
from strata.store import GenerationLog, IncidentLog, Ledger, Store
from tests.support.lineage import FakeMerge, put_files, recipe_of

DOMAINS = ("coding", "math", "reasoning", "language")


def scores(level: float, **other: float) -> dict[str, float]:
    return dict.fromkeys(DOMAINS, level) | other


def judged(verdict: str, **dropped: float) -> dict[str, Any]:
    """As a judgement says it; `dropped`: difference in the domains that dropped."""
    found = [
        {
            "domain": domain,
            "difference": (difference := dropped.get(domain, 0.02)),
            "low": difference - 0.03,
            "high": difference + 0.03,
            "margin": 0.04,
            "items": 300,
            "state": "dropped" if domain in dropped else "sound",
        }
        for domain in DOMAINS
    ]
    overall = {"difference": 0.01, "low": -0.005, "high": 0.025}
    return {
        "verdict": verdict,
        "confidence": 0.97,
        "affected": list(dropped),
        "items": 1200,
        "level": 0.9,
        "domains": found,
        "overall": overall,
    }


@dataclass
class Past:
    store: Store
    ledger: Ledger
    founder: str
    child: str
    incident: int


@contextmanager
def rolled_back(home: Path) -> Iterator[Past]:
    """In a folder that has nothing yet; also the founder, the child and the number of the regression's incident."""
    store = Store(home / "store")
    with Ledger(f"sqlite:///{home / 'ledger.sqlite'}") as ledger:
        family, championship = Family(store, ledger), Championship(store, ledger)
        generations, incidents = GenerationLog(ledger), IncidentLog(ledger)
        founder = put_files(store, b"one" * 50)
        family.add_founder(founder, "base")
        championship.promote(founder, expected=None, reason="the first")
        number = generations.begin(founder)
        recipe = recipe_of([founder], method="ties")
        child = FakeMerge(store)(recipe)
        family.add_child(child, recipe, number, "g1-1-ties")
        bred = [
            {"recipe": recipe.to_json(), "model": child.digest, "scores": scores(0.6, math=0.7)},
            {"recipe": recipe_of([founder], 2, "slerp").to_json(), "failure": "not-finite", "detail": "NaN in lm_head"},
        ]
        store.put_artifact(json.dumps(bred).encode(), "evolution-children", str(number))
        said = judged("promote")
        store.put_artifact(json.dumps(said).encode(), "evolution-judgement", str(number))
        championship.promote(child.digest, expected=founder, reason="better", judgement=said, generation=number)
        figures = {
            "candidate": child.digest,
            "champion": 0.625,
            "scored_on": {"items": 250},
            "founders": {founder: scores(0.61, math=0.5)},
        }
        generations.finish(number, "promoted", figures)
        incident = incidents.begin(
            pipeline="evolution",
            kind="regression",
            subject=child.digest,
            detail="worse than the champion before it in math",
            figures={"severity": "high"} | judged("regress", math=-0.09),
        )
        championship.rollback(reason="worse on fresh items", kind="regression", expected=child.digest)
        yield Past(store, ledger, founder, child.digest, incident)
