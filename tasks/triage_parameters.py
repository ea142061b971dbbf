"""What a person may choose about the table of cases."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TriageParameters(BaseModel):
    """Parameters of the `triage` flow."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    least: Literal["low", "medium", "high"] = Field(
        "low", title="Severity", description="Only cases of at least this severity"
    )
    resolved_hours: float = Field(
        24.0, title="Resolved", description="Also those that were resolved within so many hours", ge=0, le=8760
    )
