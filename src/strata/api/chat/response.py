"""Chat completions and models as OpenAI's clients read them."""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fastapi.sse import format_sse_event
from pydantic import BaseModel

from strata.api.answering import EVENTS
from strata.api.chat.refusing import error_object
from strata.api.ports import FinishReason, Model, Piece
from strata.errors import StrataError

OWNER = "strata"
DONE = b"data: [DONE]\n\n"


class ListedModel(BaseModel):
    """A model that can be asked."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = OWNER


class ModelList(BaseModel):
    """All of them."""

    object: Literal["list"] = "list"
    data: list[ListedModel]


class Said(BaseModel):
    """The answer."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class Choice(BaseModel):
    """The only one."""

    index: Literal[0] = 0
    message: Said
    logprobs: None = None
    finish_reason: FinishReason


class Usage(BaseModel):
    """Tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(BaseModel):
    """An answer at once."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage


def listed(model: Model) -> ListedModel:
    """The document of a model."""
    return ListedModel(id=model.name, created=int(model.created.timestamp()))


def _new_id() -> str:
    return f"chatcmpl-{secrets.token_hex(12)}"


@dataclass
class WholeAnswer:
    """One JSON document when all is there."""

    model: str
    media_type: str = "application/json"
    _id: str = field(default_factory=_new_id)
    _created: int = field(default_factory=lambda: int(time.time()))
    _texts: list[str] = field(default_factory=list)

    def begin(self) -> bytes:
        """Nothing yet."""
        return b""

    def piece(self, piece: Piece) -> bytes:
        """Nothing until the last piece."""
        self._texts.append(piece.text)
        if piece.finish is None:
            return b""
        choice = Choice(message=Said(content="".join(self._texts)), finish_reason=piece.finish)
        completion = ChatCompletion(
            id=self._id, created=self._created, model=self.model, choices=[choice], usage=_usage(piece)
        )
        return completion.model_dump_json().encode()

    def failed(self, error: StrataError) -> bytes:
        """Not called: nothing is said before the end."""
        raise error


@dataclass
class ChunkedAnswer:
    """Server-sent events of one chunk each, and `[DONE]`."""

    model: str
    counts_usage: bool
    media_type: str = EVENTS
    _id: str = field(default_factory=_new_id)
    _created: int = field(default_factory=lambda: int(time.time()))

    def begin(self) -> bytes:
        """A chunk that says who speaks."""
        return self._chunk({"role": "assistant", "content": "", "refusal": None})

    def piece(self, piece: Piece) -> bytes:
        """A chunk of text; at the end what ended it and, where that was asked for, the tokens."""
        data = self._chunk({"content": piece.text}) if piece.text else b""
        if piece.finish is None:
            return data
        data += self._chunk({}, piece.finish)
        if self.counts_usage:
            data += _event(self._document([]) | {"usage": _usage(piece).model_dump()})
        return data + DONE

    def failed(self, error: StrataError) -> bytes:
        """An error object in place of a chunk, which ends the stream for OpenAI's clients."""
        return _event(error_object(503, str(error)))

    def _chunk(self, delta: Mapping[str, Any], finish: FinishReason | None = None) -> bytes:
        return _event(self._document([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]))

    def _document(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        document = {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self.model,
            "choices": choices,
        }
        return document | {"usage": None} if self.counts_usage else document


def _usage(piece: Piece) -> Usage:
    return Usage(
        prompt_tokens=piece.prompt_tokens,
        completion_tokens=piece.tokens,
        total_tokens=piece.prompt_tokens + piece.tokens,
    )


def _event(document: Mapping[str, Any]) -> bytes:
    return format_sse_event(data_str=json.dumps(document, ensure_ascii=False, separators=(",", ":")))
