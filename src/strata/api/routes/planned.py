"""Where layers are, where they should be, and whether they move: what the fleet says of it, described."""

from typing import Literal

from pydantic import BaseModel, Field

Layers = tuple[int, int]
_SPAN = "The first and the last, both inclusive"
_UNKNOWN = "null: it is not known"


class Stage(BaseModel):
    """Layers on a node."""

    node: str
    layers: Layers = Field(description=_SPAN)


class MeasuredStage(Stage):
    """And how long they take."""

    seconds: float | None = Field(description=f"A step in these layers; {_UNKNOWN}")


class PlannedStage(MeasuredStage):
    """And what they need."""

    memory_bytes: int
    link_seconds: float | None = Field(description=f"Of a step, to the next stage; {_UNKNOWN}")


class Placement(BaseModel):
    """The present one, at today's measurements."""

    stages: list[PlannedStage]
    step_seconds: float | None = Field(description=f"Between two steps; {_UNKNOWN}")


class Best(Placement):
    """The best one."""

    lower_bound: float = Field(description="No placement is faster than that, in seconds between two steps")
    exact: bool = Field(description="It is proved that none is better")


class Link(BaseModel):
    """From one node to another, by their names."""

    from_: str = Field(alias="from")
    to: str


class SweptLink(Link):
    """A link that a sweep of the mesh has measured."""

    at: float = Field(description="When, in seconds since 1970")


class Surveyed(BaseModel):
    """Which links were measured when."""

    swept: list[SweptLink]
    measured: list[Link] = Field(description="Just now")


class Planned(BaseModel):
    """Where the layers are and should be."""

    model: str
    context: int = Field(description="Tokens of prompt and answer", ge=1)
    sessions: int = Field(description="Answers at a time", ge=1)
    objective: Literal["balance", "latency", "throughput"] | None
    now: Placement
    best: Best | None = Field(description="null: by today's measurements the nodes have not the memory")
    gain: float | None = Field(description=f"How many times faster a step would be; {_UNKNOWN}")
    survey: Surveyed
    sentence: str = Field(description="The same for people")


class Judged(BaseModel):
    """Whether a move stays, and why."""

    kept: bool
    why: str


class Cost(BaseModel):
    """Of a move."""

    bytes_sent: int = Field(description="Of weights, to all nodes together")
    send: float = Field(description="Seconds")
    load: float = Field(description="Seconds")
    replay: float = Field(description="Seconds")


class Decided(BaseModel):
    """Whether layers move, by what the nodes counted of late."""

    decision: Literal["move", "stay"]
    dry_run: bool = Field(description="Nothing was moved")
    why: str
    step_seconds: float = Field(description="Between two steps, as measured")
    stages: list[MeasuredStage] = Field(description="As they were")
    plan: list[Stage] = Field(description="As they are now")
    pause_seconds: float | None = Field(description="In which no token came; null: nothing was moved")
    judgement: Judged | None = Field(description="By what was measured afterwards; null: nothing was, or not yet")
    predicted_step_seconds: float | None = Field(None, description="After the move")
    predicted_stages: list[MeasuredStage] | None = Field(None, description="After the move")
    cost: Cost | None = None
