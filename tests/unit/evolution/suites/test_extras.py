"""Suites that others make: reasoning-gym's where it is installed, and clear words where something is not."""

import sys

import pytest

from strata.evolution.suites import GYM_TASKS, BadSuite, gym_suite, harness_items


@pytest.fixture(scope="module")
def gym():
    pytest.importorskip("reasoning_gym", reason="NOT TESTED: reasoning-gym is not installed")
    return gym_suite("math")


def test_gym_draws_repeat_and_share_nothing(gym):
    gate = gym.draw("gate", 1, 60, 1)
    assert gym.draw("gate", 1, 100, 1)[:60] == gate
    assert gym_suite("math").draw("gate", 1, 60, 1) == gate
    others = [gym.draw(purpose, 1, 60, 1) for purpose in ("training", "search", "anchor")]
    prompts = [{item.prompt for item in drawn} for drawn in (gate, *others)]
    assert [len(drawn) for drawn in prompts] == [60] * 4
    assert len(set().union(*prompts)) == 240
    assert {item.cluster for item in gate} == set(GYM_TASKS["math"])
    assert all(item.scoring == "exact" and item.target for item in gate)


def test_a_small_task_does_not_give_one_question_to_two_purposes(gym):
    # Sums of two digits: about 280 questions, which each purpose meets under some of its numbers.
    import reasoning_gym

    from strata.evolution.suites.gym import SIZE, GymSpace, GymSuite

    options = {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1}
    small = reasoning_gym.create_dataset("chain_sum", size=SIZE, seed=0, **options)
    suite = GymSuite("small", "1", "math", (GymSpace("sums", "math", small),))
    training, gate = suite.draw("training", 0, 20, 1), suite.draw("gate", 0, 60, 1)
    assert not {item.prompt for item in training} & {item.prompt for item in gate}
    with pytest.raises(BadSuite, match=r"sums gave \d+ questions for training, 300 were asked for"):
        suite.draw("training", 0, 300, 1)


def test_unknown_tasks_are_named(gym):
    with pytest.raises(BadSuite, match="cannot make 'no_such_task'"):
        gym_suite("math", ["no_such_task"])
    with pytest.raises(BadSuite, match="no tasks for 'cooking'"):
        gym_suite("cooking")


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    monkeypatch.setitem(sys.modules, "lm_eval.tasks", None)
    with pytest.raises(BadSuite, match=r"reasoning-gym is not installed: pip install 'strata\[reasoning\]'"):
        gym_suite("math")
    with pytest.raises(BadSuite, match=r"lm-eval is not installed: pip install 'strata\[harness\]'"):
        harness_items("arc_easy", "reasoning")
