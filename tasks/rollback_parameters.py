"""What a person, or an event, may say about a rollback."""

from pydantic import BaseModel, ConfigDict, Field


class RollbackParameters(BaseModel):
    """Parameters of the `rollback` flow; with nothing changed it goes back to the last good champion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: str = Field(
        "",
        title="To",
        description="A generation, or a former champion's name or digest; empty: the last good one before the present",
        max_length=256,
    )
    reason: str = Field(
        "rolled back by hand", title="Reason", description="Kept with the change", min_length=1, max_length=2000
    )
    expected: str = Field(
        "",
        title="Expected champion",
        description="Digest: another champion than this one stays where it is; empty: whoever is champion",
        pattern="^([0-9a-f]{64})?$",
    )
    regressed: bool = Field(
        False, title="Regressed", description="Hold it against the champion that is left: no rollback returns to it"
    )
    automatic: bool = Field(
        False,
        title="Automatic",
        description="Nobody asked for it but an event: does nothing where EVOLUTION_AUTOMATED_ROLLBACK is off",
    )
