"""Answers as server-sent events, in a form of our own: it says, too, when a node was lost and the answer goes on."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Request, Response
from fastapi.sse import format_sse_event
from pydantic import ConfigDict, Field, StringConstraints, model_validator

from strata.api.answering import EVENTS, Answering, event_schema
from strata.api.context import Context
from strata.api.guard import Within, allowing
from strata.api.limits import ONE_ANSWER
from strata.api.ports import Piece, Prompt, Turn
from strata.api.problems import for_error, responses
from strata.api.shapes import Asked
from strata.errors import StrataError

Text = Annotated[str, StringConstraints(min_length=1, max_length=1_000_000)]
StopText = Annotated[str, StringConstraints(min_length=1, max_length=256)]

router = APIRouter(prefix="/v1/inference/distributed", tags=["inference"], dependencies=[allowing("infer")])
_EVENTS = """Server-sent events, of which each has a JSON document as its data:
`text` {"text"}; `recovery` {"node", "layers", "reason", "response", "seconds"}, where a node was lost and the answer
goes on; and at the end `done` {"finish", "prompt_tokens", "tokens", "seconds", "seconds_waited",
"seconds_to_first_token", "seconds_per_token", "recoveries", "stages"} or `error` {"detail"}."""
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": _EVENTS, "content": {EVENTS: {"schema": event_schema("text", "recovery", "done", "error")}}},
    **responses(401, 403, 422, 429, 503),
}


class AskedTurn(Asked):
    """A message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: Annotated[str, StringConstraints(max_length=1_000_000)]


_ONE_OF: list[Any] = [
    {"required": ["text"], "properties": {"text": {"type": "string"}, "messages": {"maxItems": 0}}},
    {"required": ["messages"], "properties": {"text": {"type": "null"}, "messages": {"minItems": 1}}},
]


class ExecuteRequest(Asked):
    """A conversation, which is put into the model's chat template, or a text to go on with."""

    model_config = ConfigDict(json_schema_extra={"oneOf": _ONE_OF})

    model: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = Field(
        None, description="Default: the fleet's"
    )
    messages: Annotated[list[AskedTurn], Field(max_length=1000)] = Field([], description="A conversation")
    text: Text | None = Field(None, description="A text to go on with")
    max_new_tokens: int = Field(128, ge=1, le=10_000_000)
    temperature: float = Field(0.0, ge=0, le=5, description="0 takes the likeliest token")
    top_k: int = Field(0, ge=0, le=2**31 - 1, description="Draw from the k likeliest; 0: from all")
    top_p: float = Field(1.0, gt=0, le=1, description="Draw from the likeliest tokens of this mass together")
    seed: int = Field(0, ge=0, lt=2**53, description="The same seed gives the same answer")
    stop: Annotated[list[StopText], Field(max_length=16)] = Field([], description="Texts at which the answer ends")

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        if bool(self.messages) == (self.text is not None):
            raise ValueError("give messages, or a text to go on with")
        return self


@dataclass(frozen=True)
class Events:
    """The form of the answer."""

    media_type: str = EVENTS

    def begin(self) -> bytes:
        """A comment, so that the reader knows that he was heard."""
        return format_sse_event(comment="accepted")

    def piece(self, piece: Piece) -> bytes:
        """`text`, `recovery`, and `done` at the end."""
        data = b""
        if piece.recovery is not None:
            data += _event("recovery", asdict(piece.recovery))
        if piece.text:
            data += _event("text", {"text": piece.text})
        if piece.finish is not None:
            counted = {"finish": piece.finish, "prompt_tokens": piece.prompt_tokens, "tokens": piece.tokens}
            data += _event("done", counted | dict(piece.figures))
        return data

    def failed(self, error: StrataError) -> bytes:
        """`error`."""
        return _event("error", {"detail": str(error)})


@router.post(
    "/execute",
    response_class=Response,
    dependencies=[ONE_ANSWER],
    responses=_ANSWERS,
)
async def execute(request: Request, asked: ExecuteRequest, context: Within) -> Response:
    """Have the fleet answer. Going away ends the answer."""
    prompt = Prompt(
        model=asked.model or _only(context),
        turns=tuple(Turn(turn.role, turn.content) for turn in asked.messages),
        text=asked.text or "",
        max_new_tokens=asked.max_new_tokens,
        temperature=asked.temperature,
        top_k=asked.top_k,
        top_p=asked.top_p,
        seed=asked.seed,
        stop=tuple(asked.stop),
        traceparent=request.headers.get("traceparent"),
    )
    return Answering(context.fleet.answer(prompt), Events(), for_error)


def _only(context: Context) -> str:
    """The name of the fleet's model; "" while it has none, and then it says why."""
    return next((model.name for model in context.fleet.models()), "")


def _event(name: str, document: Mapping[str, Any]) -> bytes:
    return format_sse_event(event=name, data_str=json.dumps(document, ensure_ascii=False))
