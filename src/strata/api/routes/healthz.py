"""Whether the API answers. Open to all: it says nothing else."""

from importlib.metadata import version
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """That the process answers."""

    status: Literal["ok"]
    version: str = Field(description="Of Strata", max_length=64)


@router.get("/healthz", response_model=Health)
async def health() -> Health:
    """Say that the API answers. Needs no token."""
    return Health(status="ok", version=version("strata"))
