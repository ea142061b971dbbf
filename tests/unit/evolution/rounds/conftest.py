"""A world of models that are nothing but skills, with real suites, gate, search, store and ledger around them."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from strata.evolution.evaluate import AnswerCache, Scorer
from strata.evolution.lineage import Championship, Family
from strata.evolution.merge import Engine, Merged, MergeFailed
from strata.evolution.recipes import Recipe
from strata.evolution.rounds import Demands, Examiner, Parts, Rounds
from strata.evolution.search import Space
from strata.evolution.suites import Item, Suite
from strata.store import GenerationLog, IncidentLog, Store

DOMAINS = ("coding", "math", "reasoning", "language")
SIZE = 400_000
Skills = Mapping[str, float]


@dataclass(frozen=True)
class Numbered:
    """Items that are numbers; the right choice is the first."""

    domain: str
    size: int = SIZE

    @property
    def name(self) -> str:
        return self.domain

    def item(self, index: int) -> Item:
        return Item(f"{index}", self.domain, f"{self.domain} {index}", "choice", ("right", "wrong"), answer=0)


class SkilledScorer:
    """Knows an item if a number that all models share for it lies below the skill in its domain, else one half."""

    def __init__(self, skills: Skills) -> None:
        self._skills = skills

    def log_likelihoods(self, questions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        return [[1.0, 0.0] if self._knows(prompt) else [0.0, 1.0] for prompt, _ in questions]

    def generate(self, prompts: Sequence[str], stops: Sequence[str], most_tokens: int) -> list[str]:
        assert not prompts
        return []

    def _knows(self, prompt: str) -> bool:
        domain, _, index = prompt.partition(" ")
        return (int(index) * 2654435761 % 2**32) / 2**32 < self._skills.get(domain, 0.5)


def load(folder: Path) -> Callable[[], Scorer]:
    return lambda: SkilledScorer(json.loads((folder / "model.safetensors").read_bytes()))


@dataclass
class World:
    """`bred`: what each call of breed was asked; `children`: skills of a recipe's child, by place, or its failure."""

    store: Store
    ledger: str
    parts: Parts
    founders: dict[str, str]
    children: list[Skills | str]
    bred: list[int] = field(default_factory=list)

    def put(self, skills: Skills) -> str:
        weights = json.dumps(dict(skills), sort_keys=True).encode()
        files = {"config.json": self.store.put(b"{}"), "model.safetensors": self.store.put(weights)}
        return self.store.put(json.dumps({"files": files}, sort_keys=True).encode())

    def breed(self, recipes: Sequence[Recipe]) -> Iterator[Merged | MergeFailed]:
        self.bred.append(len(recipes))
        for recipe, child in zip(recipes, self.children, strict=False):
            if isinstance(child, str):
                yield MergeFailed(recipe.digest, "worker-killed", child)
            else:
                yield Merged(recipe.digest, self.put(child), Engine("0", "0", "none", 1), 0.1, 1, 1)

    def rounds(self, *, manual: bool = False, strategy: str = "random") -> Rounds:
        parents = tuple(self.founders[name] for name in ("one", "two"))
        space = Space(parents, self.founders["base"], 3, ("linear", "task_arithmetic"))
        demands = Demands(strategy, children=len(self.children), search_items=200, manual=manual)
        return Rounds(demands, self.parts, space, parents[0])


def skills(level: float, **other: float) -> dict[str, float]:
    return dict.fromkeys(DOMAINS, level) | other


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    store, ledger = Store(tmp_path / "store"), f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    suites = {domain: Suite("numbers", "1", domain, (Numbered(domain),)) for domain in DOMAINS}
    with (
        Family(store, ledger) as family,
        Championship(store, ledger) as championship,
        Examiner(store, suites, AnswerCache(tmp_path / "answers.sqlite"), load) as examiner,
        GenerationLog(ledger) as generations,
        IncidentLog(ledger) as incidents,
    ):
        made = World(store, ledger, None, {}, [])  # type: ignore[arg-type]
        made.parts = Parts(store, examiner, family, championship, generations, incidents, made.breed)
        founders = {"base": skills(0.5), "one": skills(0.6), "two": skills(0.55, math=0.7)}
        for name, level in founders.items():
            made.founders[name] = made.put(level)
            family.add_founder(made.founders[name], name)
        yield made
