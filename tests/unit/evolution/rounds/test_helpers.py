"""Generations whose merges and answers come from helpers: to the last bit those of a run that has none."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from strata.evolution.evaluate import Answer, AnswerCache, Scorer
from strata.evolution.evaluate import evaluation as batching
from strata.evolution.rounds import Asked, Bench, Examiner, Helper, put_items
from strata.evolution.rounds import helping as module
from strata.store import BlobMissing, Store

Load = Callable[[Path], Callable[[], Scorer]]


class BesideScorer:
    """Whose numbers depend on what is asked together, as those of a real model do in their last bits."""

    def __init__(self, skill: float) -> None:
        self._skill = skill

    def log_likelihoods(self, questions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        beside = sum(len(prompt) for prompt, _ in questions) / len(questions) if questions else 0.0
        return [[self._skill + number + beside / 1e6, float(number)] for number, _ in enumerate(questions)]

    def generate(self, prompts: Sequence[str], stops: Sequence[str], most_tokens: int) -> list[str]:
        assert not prompts
        return []


def skills(level: float) -> dict[str, float]:
    return dict.fromkeys(("coding", "math", "reasoning", "language"), level)


def load(folder: Path) -> Callable[[], Scorer]:
    return lambda: BesideScorer(json.loads((folder / "model.safetensors").read_bytes())["math"])


class InThisProcess:
    """Helpers that are a `Helper` here, in a store as another process would have opened it. `refuse`: models."""

    def __init__(self, store: Store, refuse: Sequence[str] = ()) -> None:
        self._store = store
        self._helper = Helper(Bench(store.layout.root, 1))
        self._refuse = refuse
        self.asked: list[tuple[str, int]] = []

    def answer_all(self, asked: Sequence[Asked]) -> Iterator[Sequence[Answer] | None]:
        for each in asked:
            self.asked.append((each.model, len(each.items)))
            blob = put_items(self._store, each.items)
            yield None if each.model in self._refuse else self._helper.answer(each.model, blob)

    def merge_all(self, recipes):
        raise AssertionError("nothing is merged here")


@pytest.fixture
def _scored_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "local_scorer", load)
    monkeypatch.setattr(batching, "BATCH", 7)


@pytest.mark.usefixtures("_scored_so")
@pytest.mark.parametrize("refused", [False, True])
def test_answers_are_the_same_wherever_they_come_from(world, tmp_path: Path, refused: bool):
    models = [world.put({"math": skill}) for skill in (0.5, -0.25)]
    helpers = InThisProcess(world.store, models[1:] if refused else ())
    suites = world.parts.examiner.suites

    def examiner(name: str, **more) -> Examiner:
        return Examiner(world.store, suites, AnswerCache(tmp_path / name), load, **more)

    with examiner("alone") as alone, examiner("helped", helpers=helpers) as helped:
        items = helped.draw("search", 0, dict.fromkeys(helped.domains, 10))
        helped.examine(models[0], items[:5])  # known already: nobody asks again
        alone.examine(models[0], items[:5])
        helped.ahead([*models, models[0]], items)
        assert helpers.asked == [(models[0], 35), (models[1], 40)]
        for model in models:
            assert helped.examine(model, items) == alone.examine(model, items)
        helped.ahead(models, items)
        assert len(helpers.asked) == 2


@pytest.mark.usefixtures("_scored_so")
def test_what_helpers_have_answered_is_not_answered_here(world, tmp_path: Path):
    (model,) = [world.put({"math": 0.5})]

    def unused(folder: Path) -> Callable[[], Scorer]:
        raise AssertionError("asked here")

    suites, cache = world.parts.examiner.suites, AnswerCache(tmp_path / "own")
    with Examiner(world.store, suites, cache, unused, helpers=InThisProcess(world.store)) as examiner:
        items = examiner.draw("search", 0, {"math": 20})
        examiner.ahead([model], items)
        assert len(examiner.examine(model, items).scores) == 20


def test_a_generation_asks_for_all_its_children_at_once_and_then_for_who_is_judged(world):
    """And the gate's verdict is that of a run without helpers."""
    asked: list[list[str]] = []

    class Asking:
        def answer_all(self, each: Sequence[Asked]) -> list[None]:
            asked.append([one.model for one in each])
            return [None for _ in each]

        def merge_all(self, recipes):
            raise AssertionError("nothing is merged here")

    world.children = [skills(0.7), "fault", skills(0.65)]
    world.parts.examiner._helpers = Asking()
    rounds = world.rounds()
    champion = rounds.crown([world.founders["two"], world.founders["base"]])
    number = rounds.begin()
    children = [child.model for child in rounds.examine(number) if child.model]
    judgement = rounds.judge(number)
    assert asked[:2] == [[world.founders["two"], world.founders["base"]], children]
    assert asked[2] == [world.founders["one"], champion, children[0]]
    world.parts.examiner._helpers = None
    assert rounds.judge(number) == judgement


def test_a_helper_says_what_it_cannot_do(world):
    helper = Helper(Bench(world.store.layout.root, 1))
    with pytest.raises(BlobMissing):
        helper.answer(world.founders["base"], "0" * 64)
    with pytest.raises(BlobMissing):
        helper.answer("0" * 64, put_items(world.store, world.parts.examiner.draw("search", 0, {"math": 2})))
    helper.close()
