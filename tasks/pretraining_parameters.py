"""What a person may choose about a pretraining run."""

from pydantic import BaseModel, ConfigDict, Field


class PretrainingParameters(BaseModel):
    """Parameters of the `pretraining` flow; the defaults make the checkpoints that ship."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    out: str = Field(
        "data/evolution", title="Folder", description="Where the models go, each into a folder", min_length=1
    )
    seed: int = Field(2, title="Seed", description="The same seed gives the same models on the same machine", ge=0)
    steps: int = Field(
        0,
        title="Steps",
        description="Steps of the base model; the specialists' are scaled along. 0: as for the checkpoints that ship",
        ge=0,
        le=1_000_000,
    )
