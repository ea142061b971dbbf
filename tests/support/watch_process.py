"""A watch over the ledger of STRATA_HOME with the outlets of the settings: `python -m tests.support.watch_process`."""

import trio

from strata.settings import Settings
from strata.triage import Desk, configured_outlets, watch

if __name__ == "__main__":
    with Desk(Settings().ledger) as desk:
        trio.run(watch, desk, configured_outlets(Settings()))
