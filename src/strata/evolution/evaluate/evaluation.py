"""Items answered by a model, and what each answer is worth."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from strata.evolution.evaluate.cache import Answer, AnswerCache, Key
from strata.evolution.evaluate.sandbox import run_tests
from strata.evolution.evaluate.scorer import Scorer
from strata.evolution.scores import ItemScore
from strata.evolution.suites import Item

BATCH = 256  # items that are answered, then saved, together
MOST_NEW_TOKENS = 256
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Evaluation:
    """`scores`: 1 right, 0 wrong. `margins`: log-likelihood of the right choice less that of the best wrong one, in
    nats, for items scored by choice; for others the same as the score. Both in the items' order."""

    scores: tuple[ItemScore, ...]
    margins: tuple[ItemScore, ...]

    def mean(self, domain: str | None = None) -> float:
        """Share of right answers, in one domain or in all items."""
        values = [score.score for score in self.scores if domain in (None, score.domain)]
        return sum(values) / len(values) if values else float("nan")


def evaluate(
    scorer: Callable[[], Scorer],
    model: str,
    items: Sequence[Item],
    cache: AnswerCache | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Answer every item, or look the answer up.

    `scorer` is called when the first item needs it: a model whose answers are all known is not loaded. `model`: its
    digest, under which answers are cached. `progress` gets how many items are done, of how many. Raises ScoringFailed,
    CacheFailed; what was answered by then is in the cache.
    """
    keys = _keys(model, items)
    known = cache.find(keys) if cache else {}
    missing = _missing(keys, items, known)
    if progress:
        progress(len(known), len(known) + len(missing))
    ready = scorer() if missing else None
    done = 0
    for batch in _batches(missing):
        assert ready is not None
        fresh = dict(zip(_keys(model, batch), answer(ready, batch), strict=True))
        if cache:
            cache.save(fresh)
        known |= fresh
        done += len(batch)
        if progress:
            progress(len(known), len(known) + len(missing) - done)
    scores = tuple(_score(item, known[key].score) for key, item in zip(keys, items, strict=True))
    margins = tuple(_score(item, known[key].margin) for key, item in zip(keys, items, strict=True))
    return Evaluation(scores, margins)


def unanswered(model: str, items: Sequence[Item], cache: AnswerCache) -> tuple[Item, ...]:
    """Those that `evaluate` would have the model answer, in its order. Raises CacheFailed."""
    keys = _keys(model, items)
    return _missing(keys, items, cache.find(keys))


def answer_in_batches(scorer: Scorer, items: Sequence[Item]) -> list[Answer]:
    """Answers in the items' order, to the last bit those of `evaluate`: a sum depends on what is computed beside it."""
    return [found for batch in _batches(items) for found in answer(scorer, batch)]


def save_answers(cache: AnswerCache, model: str, items: Sequence[Item], answers: Sequence[Answer]) -> None:
    """Keep a model's answers to these items for `evaluate` to find. Raises CacheFailed."""
    cache.save(dict(zip(_keys(model, items), answers, strict=True)))


def answer(scorer: Scorer, items: Sequence[Item]) -> list[Answer]:
    """What the model's answers are worth, in the items' order."""
    found: dict[int, Answer] = {}
    by_choice = [(place, item) for place, item in enumerate(items) if item.scoring == "choice"]
    questions = [(item.prompt, [choice + item.stop for choice in item.choices]) for _, item in by_choice]
    for (place, item), values in zip(by_choice, scorer.log_likelihoods(questions), strict=True):
        found[place] = _by_likelihood(item, values)
    written = [(place, item) for place, item in enumerate(items) if item.scoring != "choice"]
    prompts, stops = [item.prompt for _, item in written], [item.stop for _, item in written]
    for (place, item), text in zip(written, scorer.generate(prompts, stops, MOST_NEW_TOKENS), strict=True):
        right = float(_is_right(item, text))
        found[place] = Answer(right, right)
    return [found[place] for place in range(len(items))]


def _keys(model: str, items: Sequence[Item]) -> list[Key]:
    return [Key(model, item.suite, item.digest) for item in items]


def _missing(keys: Sequence[Key], items: Sequence[Item], known: dict[Key, Answer]) -> tuple[Item, ...]:
    """Those that are not known, each once."""
    return tuple(item for key, item in dict(zip(keys, items, strict=True)).items() if key not in known)


def _batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))


def _by_likelihood(item: Item, values: Sequence[float]) -> Answer:
    assert item.answer is not None
    margin = values[item.answer] - max(value for number, value in enumerate(values) if number != item.answer)
    # A tie is wrong: who cannot tell the options apart knows nothing.
    return Answer(float(margin > 0), margin)


def _is_right(item: Item, text: str) -> bool:
    if item.scoring == "exact":
        return text.strip() == (item.target or "").strip()
    return run_tests(text, item.tests or "").passed


def _score(item: Item, value: float) -> ItemScore:
    return ItemScore(item.domain, item.id, value, item.cluster)
