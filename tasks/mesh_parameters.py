"""What a person may choose about a sweep: one model that fills the run form and the command line alike."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

HOME = "home"


class MeshParameters(BaseModel):
    """Parameters of the `mesh` flow; every field has a default, and the defaults are the demonstration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mesh: str = Field(
        "",
        title="Mesh",
        description="Membership file of the mesh to sweep; home: the one in STRATA_HOME; empty: start a mesh on this "
        "machine, for the demonstration",
        max_length=4096,
    )
    identity: str = Field(
        "",
        title="Identity",
        description="With a mesh: the key file of one of its coordinators; empty: identity.json in STRATA_HOME",
        max_length=4096,
    )
    survive: int = Field(1, title="Survive", description="Losses that the mesh is to bear, whoever is lost", ge=1, le=8)
    fan_out: int = Field(16, title="Fan-out", description="Peers that a member probes in a sweep, at most", ge=2, le=64)
    seed: int = Field(0, title="Seed", description="Of the order in which pairs are probed", ge=0, lt=1 << 31)
    members: int = Field(8, title="Members", description="Of the local mesh", ge=3, le=32)
    kill: int = Field(2, title="Kill", description="Members of the local mesh that are killed", ge=0, le=3)

    @model_validator(mode="after")
    def _some_stay(self) -> Self:
        if not self.mesh and self.members - self.kill < 2:
            raise ValueError("kill: two members at least must stay")
        return self
