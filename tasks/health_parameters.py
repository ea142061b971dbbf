"""What a person may choose about the health report."""

from pydantic import BaseModel, ConfigDict, Field


class HealthParameters(BaseModel):
    """Parameters of the `health` flow; with nothing changed it tells of the last day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hours: int = Field(24, title="Hours", description="How far it looks back", ge=1, le=24 * 31)
    grace: float = Field(
        3600.0,
        title="Grace",
        description="Seconds that what nobody names must be old, to be counted as what `strata store gc` would free",
        ge=0,
        le=7 * 24 * 3600,
    )
