"""What every route of the API works with."""

from dataclasses import dataclass

from strata.api.ports import Fleet, Work
from strata.settings import Settings
from strata.store import Ledger


@dataclass(frozen=True)
class Context:
    """settings; ledger: whose connections other parts of the database share; and who does what is asked."""

    settings: Settings
    ledger: Ledger
    work: Work
    fleet: Fleet
