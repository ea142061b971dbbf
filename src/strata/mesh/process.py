"""What every process of a member does: take the newest membership it knows, keep what it learns, end when told to."""

import logging
import os
import resource
import signal
from pathlib import Path

import trio

from strata.mesh.roster import Roster
from strata.secure import KnownConfigs, Membership, MembershipError, read_sealed
from strata.settings import Settings

log = logging.getLogger(__name__)

SAVE_SECONDS = 2.0
FILES = 8192  # open at a time: connections, those that are passed on twice, and what else there is


def newest_membership(given: Path, seen: Path) -> tuple[Membership, bytes]:
    """What the operator's file says, unless the mesh has told this member something newer since, which `seen` holds.

    And the same as its owner signed it. Raises MembershipError where `given` is no membership.
    """
    membership, sealed = read_sealed(given)
    try:
        known, known_sealed = read_sealed(seen, membership.owner_peer_id)
    except MembershipError:
        known = None
    if known is None or known.mesh_id != membership.mesh_id:
        seen.unlink(missing_ok=True)  # of a mesh that this member has left
        return membership, sealed
    return (known, known_sealed) if known.version >= membership.version else (membership, sealed)


def open_roster(membership: Membership, home: Path) -> Roster:
    """That of a process whose things lie in `home`: `home/ech-known.json` has the ECH configs that it learned before.

    STRATA_REQUIRE_ECH says whether others may be dialled. Raises IdentityError where that file is none.
    """
    return Roster(membership, KnownConfigs(home / "ech-known.json"), require_ech=Settings().require_ech)


async def keep_known(roster: Roster) -> None:
    """Write down what the roster learns, soon after it does; at the latest when this is cancelled."""
    try:
        while True:
            await trio.sleep(SAVE_SECONDS)
            if roster.known.changed:
                await trio.to_thread.run_sync(roster.known.save)
    finally:
        roster.known.save()


def allow_files() -> None:
    """Let this process hold the connections that a listener takes: the usual 1,024 files are too few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def end_on_signal(scope: trio.CancelScope) -> None:
    """Cancel `scope` at SIGTERM or SIGINT."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            log.info("ending on %s", signal.Signals(number).name)
            scope.cancel()
            return


async def end_with_stdin(scope: trio.CancelScope) -> None:
    """Whoever supervises this process holds the other end of its standard input; when they die, it ends."""
    async with trio.lowlevel.FdStream(os.dup(0)) as stream:
        async for _ in stream:
            pass
    scope.cancel()
