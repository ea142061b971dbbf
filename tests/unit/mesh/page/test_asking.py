"""Questions in turn: the same desk before somebody who answers at once, never, or badly."""

import json

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from strata.errors import StrataError
from strata.mesh import Answered, AskFailed
from strata.mesh.page.asking import MAX_PROMPT, MAX_TOKENS, Desk, Question
from tests.support.hosts import run

QUESTION = Question(prompt="Why?")


class Oracle:
    """Answers when it is let go on; who was asked, and whose question was taken back."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.cancelled: list[str] = []
        self.go_on = trio.Event()

    async def __call__(self, prompt, most_tokens, on_text) -> Answered:
        self.asked.append(prompt)
        on_text("Be")
        on_text("")
        on_text("cause.")
        try:
            await self.go_on.wait()
        except trio.Cancelled:
            self.cancelled.append(prompt)
            raise
        return Answered(2, 0.5)


def listener() -> tuple[list, object]:
    said: list = []

    async def say(message) -> None:
        said.append(message)

    return said, say


def test_an_answer_comes_piece_by_piece() -> None:
    async def test() -> None:
        oracle, (said, say) = Oracle(), listener()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Desk(oracle).answer, "anna", QUESTION, say)
            await trio.testing.wait_all_tasks_blocked()
            assert said == [{"text": "Be"}, {"text": "cause."}]
            oracle.go_on.set()
        assert said[2:] == [{"done": {"tokens": 2, "seconds": 0.5}}]

    run(test)


def test_questions_wait_and_are_told_how_many_come_before() -> None:
    async def test() -> None:
        oracle = Oracle()
        desk, heard = Desk(oracle), {name: listener() for name in ("anna", "bob", "carl", "dora")}
        scopes = {name: trio.CancelScope() for name in heard}

        async def ask(name: str) -> None:
            with scopes[name]:
                await desk.answer(name, Question(prompt=name), heard[name][1])

        async with trio.open_nursery() as nursery:
            for name in heard:
                nursery.start_soon(ask, name)
                await trio.testing.wait_all_tasks_blocked()
            assert oracle.asked == ["anna"]
            assert heard["bob"][0] == [{"waiting": 1}]
            assert heard["carl"][0] == [{"waiting": 2}]
            scopes["bob"].cancel()  # out of the middle
            await trio.testing.wait_all_tasks_blocked()
            assert heard["carl"][0] == [{"waiting": 2}, {"waiting": 1}]
            assert heard["dora"][0] == [{"waiting": 3}, {"waiting": 2}]
            scopes["anna"].cancel()
            await trio.testing.wait_all_tasks_blocked()
            assert (oracle.cancelled, oracle.asked) == (["anna"], ["anna", "carl"])
            oracle.go_on.set()
        assert "done" in heard["carl"][0][-1]

    run(test)


def test_a_member_has_one_question_answered_and_one_waiting() -> None:
    async def test() -> None:
        oracle, (said, say) = Oracle(), listener()
        desk = Desk(oracle)
        first = trio.CancelScope()

        async def ask_and_take_back() -> None:
            with first:
                await desk.answer("anna", QUESTION, say)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask_and_take_back)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(desk.answer, "anna", Question(prompt="And now?"), say)
            await trio.testing.wait_all_tasks_blocked()
            assert said[-1] == {"waiting": 1}
            with pytest.raises(AskFailed, match="two questions of yours"):
                await desk.answer("anna", QUESTION, say)
            first.cancel()
            await trio.testing.wait_all_tasks_blocked()
            assert oracle.asked == ["Why?", "And now?"]
            oracle.go_on.set()
        await desk.answer("anna", QUESTION, say)

    run(test)


def test_no_more_wait_than_there_is_room_for() -> None:
    async def test() -> None:
        oracle, (_, say) = Oracle(), listener()
        desk = Desk(oracle, most_waiting=1)
        async with trio.open_nursery() as nursery:
            for name in ("anna", "bob"):
                nursery.start_soon(desk.answer, name, QUESTION, say)
                await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(AskFailed, match="ask again later"):
                await desk.answer("carl", QUESTION, say)
            oracle.go_on.set()

    run(test)


@pytest.mark.parametrize("failure", [StrataError("no node answers"), RuntimeError("a bug")], ids=["told", "a bug"])
def test_a_failure_is_raised_bare_and_the_next_question_is_answered(failure) -> None:
    async def test() -> None:
        failures = [failure]

        async def ask(prompt, most_tokens, on_text) -> Answered:
            on_text("Be")
            if failures:
                raise failures.pop()
            return Answered(1, 0.1)

        desk, (said, say) = Desk(ask), listener()
        with pytest.raises(type(failure), match=str(failure)):
            await desk.answer("anna", QUESTION, say)
        assert said == [{"text": "Be"}]
        await desk.answer("anna", QUESTION, say)

    run(test)


def test_a_question_is_read() -> None:
    assert Question.read(b'{"prompt": "Why?"}') == Question(prompt="Why?", most_tokens=128)
    assert Question.read(b'{"prompt": "Why?", "most_tokens": 3}').most_tokens == 3


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"prompt": ""},
        {"prompt": "x" * (MAX_PROMPT + 1)},
        {"prompt": "x", "most_tokens": 0},
        {"prompt": "x", "most_tokens": MAX_TOKENS + 1},
        {"prompt": "x", "most_tokens": "3"},
        {"prompt": "x", "model": "y"},
        {"prompt": ["x"]},
        [],
    ],
)
def test_one_out_of_bounds_is_refused_in_a_sentence(document) -> None:
    with pytest.raises(AskFailed, match=r"^[a-z_ ]+: [A-Z]"):
        Question.read(json.dumps(document).encode())


@given(st.binary(max_size=60))
def test_nonsense_is_refused(line) -> None:
    with pytest.raises(AskFailed):
        Question.read(line)
