import pytest
from trio import TooSlowError

from strata.errors import StrataError
from tasks.failures import TaskFailed, stage


class TooBig(StrataError):
    pass


ADVICE = {TooBig: "use a smaller one."}


def fail_with(error: BaseException) -> TaskFailed:
    with pytest.raises(TaskFailed) as caught, stage("plan", ADVICE, "look at the nodes."):
        raise error
    assert caught.value.__cause__ is error
    return caught.value


def test_a_known_decision_carries_its_own_advice_and_is_final():
    failure = fail_with(TooBig("9 bytes are missing."))
    assert str(failure) == "The plan stage failed: 9 bytes are missing. What to do: use a smaller one."
    assert not failure.worth_retrying


@pytest.mark.parametrize("error", [ConnectionRefusedError("no route"), StrataError("the link broke")])
def test_anything_else_on_purpose_or_from_the_network_may_heal(error):
    failure = fail_with(error)
    assert str(failure) == f"The plan stage failed: {error}. What to do: look at the nodes."
    assert failure.worth_retrying


def test_a_timeout_says_so():
    assert "took longer than its timeout" in str(fail_with(TooSlowError()))


def test_a_group_is_explained_by_its_first_leaf():
    group = ExceptionGroup("", [ExceptionGroup("", [TooBig("first")]), OSError("second")])
    assert "plan stage failed: first." in str(fail_with(group))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a defect"),
        ExceptionGroup("", [TooBig("known"), ValueError("a defect")]),
        BaseExceptionGroup("", [TooBig("known"), KeyboardInterrupt()]),
        KeyboardInterrupt(),
    ],
)
def test_defects_and_interrupts_pass_unchanged(error):
    with pytest.raises(type(error)) as caught, stage("plan", ADVICE, "look at the nodes."):
        raise error
    assert caught.value is error


def test_a_stage_within_a_stage_keeps_its_message():
    inner = TaskFailed("start", "no nodes", "start some.", worth_retrying=False)
    with pytest.raises(TaskFailed) as caught, stage("plan", ADVICE, "look at the nodes."):
        raise inner
    assert caught.value is inner
