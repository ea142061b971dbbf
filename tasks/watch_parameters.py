"""What a person may choose about the watch over a champion."""

from pydantic import BaseModel, ConfigDict, Field


class WatchParameters(BaseModel):
    """Parameters of the `watch` flow; the defaults are those of the gate in the `evolution` flow."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    suites: list[str] = Field(
        ["small"],
        title="Suites",
        description="What models are tested on, as in the `evolution` flow",
        min_length=1,
        max_length=64,
    )
    items: int = Field(3000, title="Items", description="Most items a domain that are drawn", ge=50, le=50_000)
    gain: float = Field(
        0.02, title="Gain", description="Overall difference that should be found when it is there", gt=0, lt=1
    )
    seed: int = Field(0, title="Seed", description="Of the items that are drawn", ge=0, lt=1 << 31)
