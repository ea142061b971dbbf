"""Questions of browsers: one is answered at a time, and the others wait their turn."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

import pydantic
import trio

from strata.errors import StrataError

MAX_QUESTION_BYTES = 16 << 10
MAX_PROMPT = 8000  # characters
MAX_TOKENS = 512
MAX_WAITING = 16
MAX_OF_ONE = 2  # of one member: what was taken back takes a moment to end, and the next may come meanwhile


class AskFailed(StrataError):
    """A question that is not answered: why, in a sentence for who asked it."""


@dataclass(frozen=True)
class Answered:
    """What an answer came to: new tokens, and seconds from when its computation began."""

    tokens: int
    seconds: float


class Ask(Protocol):
    """Whoever answers a question."""

    async def __call__(self, prompt: str, most_tokens: int, on_text: Callable[[str], None]) -> Answered:
        """Answer in at most so many tokens, and hand over the text as it comes; cancelling ends the computation.

        Raises StrataError, whose text the asker gets to read.
        """


class Question(pydantic.BaseModel):
    """What a browser sends, as JSON."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)

    prompt: Annotated[str, pydantic.Field(min_length=1, max_length=MAX_PROMPT)]
    most_tokens: Annotated[int, pydantic.Field(ge=1, le=MAX_TOKENS)] = 128

    @classmethod
    def read(cls, line: bytes) -> "Question":
        """Parse one; raises AskFailed."""
        try:
            return cls.model_validate_json(line)
        except pydantic.ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "the question"
            raise AskFailed(f"{where}: {first['msg']}") from None


Say = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(eq=False)
class _Turn:
    peer_id: str
    moved: trio.Event = field(default_factory=trio.Event)


class Desk:
    """Where questions are handed in. Each is told what becomes of it, by messages of one key each:

    {"waiting": how many come before it}, {"text": a piece of the answer}, {"done": {"tokens", "seconds"}}
    """

    def __init__(self, ask: Ask, *, most_waiting: int = MAX_WAITING) -> None:
        self._ask = ask
        self._most_waiting = most_waiting
        self._queue: list[_Turn] = []  # the first is being answered

    async def answer(self, peer_id: str, question: Question, say: Say) -> None:
        """Answer it when its turn has come; cancelling takes it back. Raises AskFailed, and what `Ask` raises."""
        if sum(turn.peer_id == peer_id for turn in self._queue) >= MAX_OF_ONE:
            raise AskFailed("two questions of yours are not answered yet: wait for them, or stop one")
        if len(self._queue) > self._most_waiting:
            raise AskFailed(f"{self._most_waiting} questions are waiting already: ask again later")
        turn = _Turn(peer_id)
        self._queue.append(turn)
        try:
            while before := self._queue.index(turn):
                moved = turn.moved = trio.Event()
                await say({"waiting": before})
                if self._queue.index(turn) == before:
                    await moved.wait()
            await self._stream(question, say)
        finally:
            behind = self._queue[self._queue.index(turn) + 1 :]
            self._queue.remove(turn)
            for other in behind:
                other.moved.set()

    async def _stream(self, question: Question, say: Say) -> None:
        # An answer has a bounded number of pieces, so that the model need not wait for a slow reader.
        pieces, waiting = trio.open_memory_channel[str](question.most_tokens + 1)
        failure: Exception | None = None
        answered: Answered | None = None

        def on_text(piece: str) -> None:
            if piece:
                pieces.send_nowait(piece)

        async with trio.open_nursery() as nursery:

            async def think() -> None:
                nonlocal failure, answered
                with pieces:
                    try:
                        answered = await self._ask(question.prompt, question.most_tokens, on_text)
                    except Exception as error:
                        failure = error  # raised below, bare: the nursery would put it into a group

            nursery.start_soon(think)
            async for piece in waiting:
                await say({"text": piece})
        if failure is not None:
            raise failure
        if answered is not None:
            await say({"done": {"tokens": answered.tokens, "seconds": answered.seconds}})
