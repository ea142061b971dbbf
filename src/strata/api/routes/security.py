"""The ECH-style hello from outside: whose configs are known, how old they are, and what a quantum computer could do.

No key is shown, secret or public.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path
from pydantic import BaseModel, Field

from strata.api.ech import MemberEch, MeshEch, mesh_ech
from strata.api.guard import Within, allowing
from strata.api.problems import responses

router = APIRouter(prefix="/v1/security/ech", tags=["security"], dependencies=[allowing("read")])

Name = Annotated[str, Path(description="Of a member", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]


class ConfigView(BaseModel):
    """A config, without its key."""

    config_id: int = Field(description="In the clear in every hello under it", ge=0, le=255)
    kem: Literal["MLKEM768-X25519", "X25519"]
    post_quantum: bool = Field(description="Whether hellos recorded today stay closed to a quantum computer")


class MemberView(BaseModel):
    """A member's configs: the one that this home would dial it with, and the one that it offered to the last sweep."""

    name: str = Field(max_length=63)
    peer_id: str = Field(max_length=128)
    known: ConfigView | None = Field(description="None: the next hello to it hides nothing")
    seen: datetime | None = Field(description="When the last sweep saw it")
    age_seconds: float | None = Field(description="Of the config that it offered then")
    expires: datetime | None = Field(description="When it offers another one")


class Members(BaseModel):
    """The members of this home's mesh."""

    mesh: str | None = Field(description="Its id; None: this home is in no mesh")
    members: list[MemberView] = Field(description="By name")


class Summary(BaseModel):
    """The same in numbers."""

    mesh: str | None
    required: bool = Field(description="STRATA_REQUIRE_ECH: nobody is dialled without a config")
    members: int = Field(ge=0)
    known: int = Field(description="Of whom this home knows a config", ge=0)
    post_quantum: int = Field(description="Of these, with the hybrid KEM", ge=0)
    seen: int = Field(description="That told the last sweep of their config", ge=0)
    overdue: int = Field(description="Of these, whose config should have been replaced by now", ge=0)
    next_expiry: datetime | None


@router.get("/configs", response_model=Members)
def list_configs(context: Within) -> MeshEch:
    """List the members of this home's mesh with what is known of their ECH configs."""
    return mesh_ech(context.settings, context.ledger)


@router.get("/configs/{name}", response_model=MemberView, responses=responses(404))
def one_config(context: Within, name: Name) -> MemberEch:
    """Say what is known of one member's ECH config."""
    for member in mesh_ech(context.settings, context.ledger).members:
        if member.name == name:
            return member
    raise HTTPException(404, f"the mesh of this home has no member {name}")


@router.get("/summary")
def summary(context: Within) -> Summary:
    """Count them."""
    found = mesh_ech(context.settings, context.ledger)
    now = datetime.now(UTC)
    known = [member.known for member in found.members if member.known is not None]
    expiries: Sequence[datetime] = [member.expires for member in found.members if member.expires is not None]
    return Summary(
        mesh=found.mesh,
        required=found.required,
        members=len(found.members),
        known=len(known),
        post_quantum=sum(config.post_quantum for config in known),
        seen=len(expiries),
        overdue=sum(expires < now for expires in expiries),
        next_expiry=min((expires for expires in expiries if expires >= now), default=None),
    )
