"""A roster that goes by a file: the owner edits it, and the process takes what is new."""

import logging
import os
from pathlib import Path

import trio

from strata.mesh.roster import Roster
from strata.secure import MembershipError, read_sealed

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


async def follow(roster: Roster, mesh: Path, *, every: float = LOOK_SECONDS) -> None:
    """Update the roster whenever the membership file changes, until cancelled."""
    seen: object = None
    while True:
        now = await trio.to_thread.run_sync(_stamp, mesh)
        if now != seen:
            seen = now
            await take_newest(roster, mesh)
        await trio.sleep(every)


async def take_newest(roster: Roster, mesh: Path) -> None:
    """Update the roster if the file has something newer; one that cannot be taken is only logged."""
    try:
        found, sealed = await trio.to_thread.run_sync(read_sealed, mesh, roster.membership.owner_peer_id)
        if found.version > roster.membership.version:
            roster.update(sealed)
    except MembershipError as error:
        log.warning("the membership in %s is not taken: %s", mesh, error)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
