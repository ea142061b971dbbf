"""Items become scores; what is known is not asked again, also after a kill."""

import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

from strata.evolution.evaluate import AnswerCache, CacheFailed, ScoringFailed, evaluate
from strata.evolution.evaluate import evaluation as module
from strata.evolution.suites import Item, draw


class Fake:
    """Likes the choice that is longest; writes what `texts` says. Fails after `patience` questions."""

    def __init__(self, texts: dict[str, str] | None = None, patience: int = 10**9) -> None:
        self.texts, self.patience, self.asked = texts or {}, patience, 0

    def log_likelihoods(self, questions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        self.asked += len(questions)
        if self.asked > self.patience:
            raise ScoringFailed("enough")
        return [[-10.0 + len(option) for option in options] for _, options in questions]

    def generate(self, prompts: Sequence[str], stops: Sequence[str], most_tokens: int) -> list[str]:
        self.asked += len(prompts)
        return [self.texts[prompt] for prompt in prompts]


def choice(name: str, *choices: str, answer: int = 0) -> Item:
    return Item(name, "math", f"{name}?", "choice", choices, answer, cluster="c", suite="s@1")


def unused() -> Fake:
    raise AssertionError("no model was needed")


def test_scores_and_margins():
    items = [choice("a", "long", "s"), choice("b", "s", "long"), choice("c", "aa", "bb")]
    items.append(Item("d", "coding", "d?", "exact", target="yes", stop="\n"))
    items.append(Item("e", "coding", "e?", "exact", target="yes"))
    found = evaluate(lambda: Fake({"d?": " yes ", "e?": "yes indeed"}), "m", items)
    assert [score.score for score in found.scores] == [1, 0, 0, 1, 0]
    assert [score.score for score in found.margins] == [3, -3, 0, 1, 0]
    assert [(s.domain, s.item, s.cluster) for s in found.scores[2:4]] == [("math", "c", "c"), ("coding", "d", None)]
    assert (found.mean("math"), found.mean("coding"), found.mean()) == (pytest.approx(1 / 3), 0.5, 0.4)


def test_programs_are_tested():
    items = [Item(name, "coding", f"{name}?", "tests", tests="assert f(2) == 4") for name in "ab"]
    found = evaluate(lambda: Fake({"a?": "def f(x): return 2 * x", "b?": "def f(x): return x"}), "m", items)
    assert [score.score for score in found.scores] == [1, 0]


def test_what_is_known_is_not_asked_again(tmp_path: Path):
    items = list(draw("math", "search", 0, 40, 1))
    with AnswerCache(tmp_path / "deep" / "answers.sqlite") as cache:
        first = evaluate(Fake, "m", items, cache)
        assert evaluate(unused, "m", items[::-1], cache).scores == first.scores[::-1]
        assert evaluate(unused, "m", [items[3], items[3]], cache).margins == (first.margins[3],) * 2
        for model, asked in (("other", items), ("m", [item.of("s@2") for item in items])):
            fake = Fake()
            evaluate(lambda fake=fake: fake, model, asked, cache)
            assert fake.asked == 40
    with AnswerCache(tmp_path / "deep" / "answers.sqlite") as cache:
        assert evaluate(unused, "m", items, cache) == first


def test_a_failure_keeps_what_was_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "BATCH", 10)
    items, seen = list(draw("math", "search", 0, 45, 1)), list[tuple[int, int]]()
    with AnswerCache(tmp_path / "answers.sqlite") as cache:
        with pytest.raises(ScoringFailed):
            evaluate(lambda: Fake(patience=25), "m", items, cache)
        fake = Fake()
        evaluate(lambda: fake, "m", items, cache, lambda done, total: seen.append((done, total)))
    assert fake.asked == 25
    assert seen == [(20, 45), (30, 45), (40, 45), (45, 45)]


def test_a_killed_evaluation_goes_on_where_it_was(tmp_path: Path):
    path = tmp_path / "answers.sqlite"
    script = f"""
        import signal, sys
        from pathlib import Path
        from strata.evolution.evaluate import AnswerCache, evaluate
        from strata.evolution.evaluate import evaluation
        from strata.evolution.suites import draw
        evaluation.BATCH = 10
        class Fake:
            def log_likelihoods(self, questions):
                global asked
                asked += len(questions)
                if asked > 30:
                    print("ready", flush=True)
                    signal.pause()
                return [[0.0, 1.0, 2.0, 3.0] for _ in questions]
            def generate(self, *_):
                return []
        asked = 0
        evaluate(Fake, "m", draw("math", "search", 0, 100, 1), AnswerCache(Path({str(path)!r})))
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    finally:
        process.kill()
        process.communicate()
    fake = Fake()
    with AnswerCache(path) as cache:
        evaluate(lambda: fake, "m", draw("math", "search", 0, 100, 1), cache)
    assert fake.asked == 70


def test_two_caches_share_a_file_and_a_broken_one_is_named(tmp_path: Path):
    items = list(draw("math", "search", 0, 20, 1))
    with AnswerCache(tmp_path / "a.sqlite") as one, AnswerCache(tmp_path / "a.sqlite") as other:
        evaluate(Fake, "m", items[:10], one)
        evaluate(Fake, "m", items[10:], other)
        evaluate(unused, "m", items, one)
    (tmp_path / "b.sqlite").write_bytes(b"no database, but long enough to be looked at" * 100)
    with pytest.raises(CacheFailed, match=r"b.sqlite.*may be deleted"):
        AnswerCache(tmp_path / "b.sqlite")
