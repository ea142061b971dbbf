"""A process that breeds generations through the rooms, as the flow does, and waits at every stage to be told to go on.

`python -m support.breeding ORDER`, where ORDER is JSON. It writes a line of JSON at each stage and then reads a line:
`go`, or `stop`, which ends it as it would end by itself. An error that Strata or the system raises on purpose is
written as a last line, `failed`.
"""

import json
import sys
from pathlib import Path
from typing import Any

from strata.errors import StrataError
from strata.evolution.lineage import Child, child_of, rebuild
from strata.evolution.merge import Merged
from strata.evolution.recipes import Recipe
from strata.evolution.regression import GatePolicy
from strata.evolution.rounds import Demands, Order, Workshop, guard_champion, open_workshop
from strata.store import Store

STAGES = ("opened", "guarded", "begun", "proposed", "bred", "examined", "judged", "promoted", "concluded")


def main() -> None:
    """Breed until told to stop."""
    order = json.loads(sys.argv[1])
    home = Path(order["home"])
    demands = Demands(
        children=order["children"],
        search_items=order["search_items"],
        seed=order["seed"],
        policy=GatePolicy(most_items=order["gate_items"]),
    )
    parents, base = [Path(parent) for parent in order["parents"]], Path(order["base"])
    wanted = Order(parents, base, demands, workers=order["workers"])
    try:
        with open_workshop(wanted, home, Store(home / "store"), f"sqlite:///{home / 'ledger.sqlite'}") as shop:
            _pause("opened", founders=shop.founders)
            while True:
                _generation(shop)
    except (StrataError, OSError) as error:
        print(json.dumps({"at": "failed", "error": type(error).__name__, "detail": str(error)}), flush=True)
        raise SystemExit(1) from None


def _generation(shop: Workshop) -> None:
    rounds = shop.rounds
    latest = shop.parts.generations.recent(1)
    _pause("guarded", rollbacks=_guard(shop, latest[0].id + 1 if latest else 1))
    generation = rounds.begin()
    _pause("begun", generation=generation)
    rounds.propose(generation)
    _pause("proposed", generation=generation)
    rounds.breed(generation)
    _pause("bred", generation=generation)
    rounds.examine(generation)
    _pause("examined", generation=generation)
    judgement = rounds.judge(generation)
    said = judgement and {"verdict": judgement.verdict, "affected": judgement.affected, "items": judgement.items}
    _pause("judged", generation=generation, judgement=said)
    change = rounds.promote(generation, judgement)
    _pause("promoted", generation=generation, champion=change and change.digest)
    rollbacks = _guard(shop, generation) if change else []
    ended = rounds.conclude(generation, judgement)
    _pause(
        "concluded",
        generation=generation,
        ending=ended.ending,
        champion=ended.champion,
        fitness=ended.champion_fitness,
        judgement=said,
        rollbacks=rollbacks,
        rebuilt=_rebuilt(shop, ended.champion),
    )


def _guard(shop: Workshop, generation: int) -> list[dict[str, Any]]:
    parts = shop.parts
    _, done = guard_champion(
        parts.examiner, shop.rounds.demands.policy, parts.championship, parts.incidents, generation=generation
    )
    return [] if done is None else [{"left": done.left, "target": done.target, "seconds": done.seconds}]


def _rebuilt(shop: Workshop, champion: str) -> str:
    """Of what sort the outcome of making the champion again from its recipe is, founders being taken as they are."""

    def merge(recipe: Recipe, /) -> Child:
        (outcome,) = shop.parts.breed([recipe])
        if isinstance(outcome, Merged):
            return child_of(outcome)
        raise StrataError(f"{outcome.kind}: {outcome.detail}")

    return type(rebuild(shop.parts.store, shop.parts.family.lineage, champion, merge, afresh=True)).__name__


def _pause(stage: str, **what: Any) -> None:
    print(json.dumps({"at": stage, **what}), flush=True)
    if sys.stdin.readline().strip() != "go":
        raise SystemExit(0)


if __name__ == "__main__":
    main()
