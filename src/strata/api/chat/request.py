"""A request for a chat completion, as OpenAI's clients send it.

What would change the answer and is not there (tools, several choices, penalties, log-probabilities, ...) is refused
unless it asks for what happens anyway; so is what this file does not know. What only says who asks is taken and not
looked at.
"""

import secrets
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from strata.api.ports import Prompt, Turn

MOST_MESSAGES = 1000
LONGEST_TEXT = 1_000_000
_SEED_BITS = 63
MOST_SEED = 9 * 10**18  # an integer of 64 bits, and exact where JSON numbers are doubles

Text = Annotated[str, StringConstraints(max_length=LONGEST_TEXT)]
StopText = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Zero = Annotated[float, Field(ge=0, le=0)]
Unread = Annotated[str, StringConstraints(max_length=512)]
Nothing = Annotated[list[Unread], Field(max_length=0)]


class TextPart(BaseModel):
    """A part of a message; there are no others than text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["text"]
    text: Text


class Message(BaseModel):
    """A turn of the conversation. Of what an earlier answer had in it only its text counts, the rest is empty."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | Annotated[list[TextPart], Field(min_length=1, max_length=MOST_MESSAGES)]
    refusal: None = None
    annotations: Nothing | None = None
    audio: None = None
    function_call: None = None
    tool_calls: Nothing | None = None

    @property
    def turn(self) -> Turn:
        """The same for the fleet. `developer` is what newer clients call `system`."""
        text = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        return Turn("system" if self.role == "developer" else self.role, text)


class StreamOptions(BaseModel):
    """include_usage: count the tokens in a last chunk; there is no obfuscation to include."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class TextFormat(BaseModel):
    """The only format of an answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["text"]


def _both(one: str, other: str) -> dict[str, Any]:
    fields = {name: {"not": {"type": "null"}} for name in (one, other)}
    return {"required": [one, other], "properties": fields}


_STREAMED = {"required": ["stream"], "properties": {"stream": {"const": True}}}
_OPTIONS = {"required": ["stream_options"], "properties": {"stream_options": {"not": {"type": "null"}}}}
# What `_says_each_thing_once` says, for OpenAPI.
_RULES: list[Any] = [
    {"not": _both("max_tokens", "max_completion_tokens")},
    {"anyOf": [{"not": _OPTIONS}, _STREAMED]},
]


class ChatRequest(BaseModel):
    """See https://platform.openai.com/docs/api-reference/chat/create."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"allOf": _RULES})

    model: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    messages: Annotated[list[Message], Field(min_length=1, max_length=MOST_MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=10_000_000)] | None = Field(None, description="Its older name")
    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(None, description="Default: 1")
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: Annotated[int, Field(ge=-MOST_SEED, le=MOST_SEED)] | None = Field(
        None, description="The same gives the same answer; without one it is drawn"
    )
    stop: StopText | Annotated[list[StopText], Field(max_length=4)] | None = None
    # Taken where they ask for what happens anyway.
    n: Literal[1] | None = None
    presence_penalty: Zero | None = None
    frequency_penalty: Zero | None = None
    logit_bias: Annotated[dict[str, Any], Field(max_length=0)] | None = None
    logprobs: Literal[False] | None = None
    top_logprobs: Zero | None = None
    response_format: TextFormat | None = None
    modalities: Annotated[list[Literal["text"]], Field(max_length=1)] | None = None
    tools: Nothing | None = None
    tool_choice: Literal["none", "auto"] | None = None
    functions: Nothing | None = None
    function_call: Literal["none", "auto"] | None = None
    parallel_tool_calls: bool | None = None
    store: Literal[False] | None = None
    service_tier: Literal["auto", "default"] | None = None
    # Taken, and not looked at.
    user: Unread | None = None
    safety_identifier: Unread | None = None
    prompt_cache_key: Unread | None = None
    metadata: Annotated[dict[Unread, Unread], Field(max_length=16)] | None = None

    @model_validator(mode="after")
    def _says_each_thing_once(self) -> Self:
        if self.max_tokens is not None and self.max_completion_tokens is not None:
            raise ValueError("give max_completion_tokens or its older name max_tokens, not both")
        if self.stream_options is not None and not self.stream:
            raise ValueError("stream_options are for a request with stream: true")
        return self

    @property
    def counts_usage(self) -> bool:
        """Whether a streamed answer ends with the count of its tokens."""
        return self.stream_options is not None and bool(self.stream_options.include_usage)


def prompt_of(request: ChatRequest, context: int, headers: Mapping[str, str]) -> Prompt:
    """What the fleet is asked; where the answer has no bound, that is the model's context."""
    stop = request.stop if isinstance(request.stop, list) else [request.stop] if request.stop else []
    return Prompt(
        model=request.model,
        turns=tuple(message.turn for message in request.messages),
        max_new_tokens=request.max_completion_tokens or request.max_tokens or context,
        temperature=1.0 if request.temperature is None else request.temperature,
        top_p=request.top_p or 1.0,
        seed=secrets.randbits(_SEED_BITS) if request.seed is None else request.seed % 2**_SEED_BITS,
        stop=tuple(stop),
        traceparent=headers.get("traceparent"),
    )
