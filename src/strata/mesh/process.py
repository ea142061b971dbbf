"""What every process of a member does: take the newest membership it knows, and end when it is told to."""

import logging
import os
import signal
from pathlib import Path

import trio

from strata.secure import Membership, MembershipError, read_membership

log = logging.getLogger(__name__)


def newest_membership(given: Path, seen: Path) -> Membership:
    """What the operator's file says, unless the mesh has told this member something newer since, which `seen` holds.

    Raises MembershipError where `given` is no membership.
    """
    membership = read_membership(given)
    try:
        known = read_membership(seen, membership.owner_peer_id)
    except MembershipError:
        known = None
    if known is None or known.mesh_id != membership.mesh_id:
        seen.unlink(missing_ok=True)  # of a mesh that this member has left
        return membership
    return max(known, membership, key=lambda each: each.version)


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
