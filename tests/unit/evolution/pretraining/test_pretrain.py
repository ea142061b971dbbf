"""Training small models: the same seed gives the same bytes, also over a kill, and what is done is not done again."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from strata.evolution.pretraining import BASE, SPECIALISTS, Course, pretrain, read_record, shortened
from strata.evolution.pretraining import train as module
from strata.evolution.pretraining.course import Lessons
from strata.evolution.pretraining.train import collate
from strata.evolution.pretraining.world import UNKNOWN, VOCABULARY, make_tokenizer
from strata.evolution.suites import DOMAINS, Item, draw

SHIPPED = Path(__file__).parents[4] / "data" / "evolution"
SHORT = replace(BASE, steps=5, batch=4)
MATH = Course("math", {"math": 1.0}, steps=3, rate=1e-3, batch=4)


class Killed(BaseException):
    pass


def weights(out: Path) -> dict[str, bytes]:
    return {file.parent.name: file.read_bytes() for file in sorted(out.glob("*/model.safetensors"))}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    pretrain(out, 3, SHORT, [MATH])
    return out


def test_the_same_seed_gives_the_same_bytes_and_another_others(trained: Path, tmp_path: Path):
    pretrain(tmp_path / "same", 3, SHORT, [MATH])
    pretrain(tmp_path / "other", 4, SHORT, [])
    assert weights(tmp_path / "same") == weights(trained)
    assert weights(tmp_path / "other")["base"] != weights(trained)["base"]
    assert read_record(trained) == read_record(tmp_path / "same") != ()


def test_a_killed_run_goes_on_to_the_same_bytes(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "SAVE_EVERY", 2)
    seen = list[tuple[str, int]]()

    def stop_at(name: str, step: int) -> None:
        def progress(course: str, done: int, total: int, loss: float) -> None:
            seen.append((course, done))
            if (course, done) == (name, step):
                raise Killed

        seen.clear()
        with pytest.raises(Killed):
            pretrain(tmp_path, 3, SHORT, [MATH], progress)

    stop_at("base", 5)
    stop_at("math", 1)
    # From the state after step 4.
    assert seen == [("base", 5), ("math", 1)]
    seen.clear()
    pretrain(tmp_path, 3, SHORT, [MATH], lambda name, done, total, loss: seen.append((name, done)))
    assert seen == [("base", 5), ("math", 1), ("math", 2), ("math", 3)]
    assert weights(tmp_path) == weights(trained)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["base", "math", "pretraining.json"]


def test_what_is_there_is_kept_and_what_is_damaged_is_mended(trained: Path):
    before, seen = weights(trained), list[str]()

    def progress(name: str, done: int, total: int, loss: float) -> None:
        seen.append(name)

    pretrain(trained, 3, SHORT, [MATH], progress)
    assert seen == ["base", "math"]
    (trained / "math" / "model.safetensors").write_bytes(b"damaged")
    seen.clear()
    pretrain(trained, 3, SHORT, [MATH], progress)
    assert seen == ["base", "math", "math", "math"]
    assert weights(trained) == before


def test_a_state_of_another_course_is_not_gone_on_with(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "SAVE_EVERY", 1)

    def progress(*_: object) -> None:
        raise Killed

    with pytest.raises(Killed):
        pretrain(tmp_path, 99, SHORT, [], progress)
    pretrain(tmp_path, 3, SHORT, [])
    assert weights(tmp_path)["base"] == weights(trained)["base"]


def test_only_answers_and_their_ends_are_learned():
    items = [Item("a", "math", "1+1=", "exact", target="2", stop=";"), Item("b", "math", "9=", "exact", target="9876")]
    tokens, targets = collate(items)
    spelled = ["".join(VOCABULARY[token] for token in row) for row in tokens.tolist()]
    assert spelled == ["1+1=2;", "9=9876"]
    learned = torch.where(targets == -100, torch.zeros_like(tokens), targets).tolist()
    assert ["".join(VOCABULARY[token] for token in row if token) for row in learned] == ["2;", "9876"]


def test_lessons_are_training_items_in_the_courses_mix():
    lessons = Lessons(replace(BASE, steps=20), 1)
    items = [item for step in range(20) for item in lessons.batch(step)]
    assert lessons.batch(7) == Lessons(replace(BASE, steps=20), 1).batch(7) != lessons.batch(8)
    for domain, weight in BASE.mix.items():
        share = sum(item.domain == domain for item in items) / len(items)
        assert abs(share - weight) < 4 * (weight * (1 - weight) / len(items)) ** 0.5
    held_back = {item.prompt for domain in DOMAINS for item in draw(domain, "gate", 0, 2000, 1)}
    assert not held_back & {item.prompt for item in items}


def test_the_rate_rises_and_falls():
    rates = [BASE.rate_at(step) for step in range(BASE.steps)]
    assert rates.index(max(rates)) == BASE.warm_up - 1
    assert rates[0] < BASE.rate / 5
    assert rates[-1] < BASE.rate / 1000
    assert shortened(BASE, 0.1).steps == BASE.steps // 10


def test_the_tokenizer_knows_every_letter_of_the_items(tmp_path: Path):
    tokenizer = make_tokenizer()
    assert len(VOCABULARY) == len(set(VOCABULARY)) == 64
    for item in (item for domain in DOMAINS for item in draw(domain, "search", 0, 300, 1)):
        text = item.prompt + max(item.choices, key=len) + item.stop
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.decode(ids) == text
        assert tokenizer.convert_tokens_to_ids(UNKNOWN) not in ids
        assert ids[-1] == tokenizer.eos_token_id


def test_what_ships_is_as_recorded():
    models = {model.name: model for model in read_record(SHIPPED)}
    assert list(models) == ["base", *(course.name for course in SPECIALISTS)]
    assert [model.steps for model in models.values()] == [BASE.steps, *(course.steps for course in SPECIALISTS)]
    from strata.evolution.pretraining.series import _digest

    assert all(_digest(SHIPPED / name / "model.safetensors") == model.weights for name, model in models.items())


def test_no_record(tmp_path: Path):
    assert read_record(tmp_path) == ()
    (tmp_path / "pretraining.json").write_text('{"models": [3]}')
    assert read_record(tmp_path) == ()
