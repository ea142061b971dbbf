"""What several routes answer with, as OpenAPI describes it. The values come from dataclasses of the same fields."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from strata.api.ports import JobState

JobId = Annotated[
    str,
    Path(description="Id of a job", pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"),
]
Most = Annotated[int, Query(description="How many of the latest", ge=1, le=100)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Asked(BaseModel):
    """The base of what a request says: values are of the type that is asked for, and nothing else is said."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _whole(cls, said: Any) -> Any:
        """To JSON Schema 2.0 is an integer, and to pydantic none where it is strict."""
        if not isinstance(said, dict):
            return said
        return {
            name: int(value) if isinstance(value, float) and value.is_integer() else value
            for name, value in said.items()
        }


class JobView(BaseModel):
    """A run of a pipeline."""

    id: str = Field(max_length=64)
    pipeline: str = Field(max_length=128)
    name: str = Field(description="What people call it", max_length=256)
    state: JobState
    created: datetime
    started: datetime | None
    ended: datetime | None
    message: str = Field(description="Why it is in its state, where somebody said")
    url: str | None = Field(description="Where to look at it")


class RunView(BaseModel):
    """What the ledger has of a run of a pipeline."""

    id: int = Field(ge=1)
    pipeline: str = Field(max_length=128)
    version: str = Field(description="Tag of the settings it ran under", max_length=128)
    state: str = Field(max_length=16)
    started: datetime
    finished: datetime | None
    figures: dict[str, Any] = Field(description="What it measured")


class ScheduleView(BaseModel):
    """When a pipeline runs by itself."""

    pipeline: str = Field(max_length=128)
    active: bool
    cron: str | None = Field(description="None: only events or people start it")
    timezone: str
    upcoming: list[datetime] = Field(description="The next times")
