"""What the failure detectors of a mesh hold of its members, for a coordinator, which has none: it asks some agents.

A member counts as the worst of what those hold of it. They may be behind, or cut off themselves: who goes by it looks
for himself before a member that is suspect, or dead, is given up.
"""

from collections.abc import Callable, Mapping
from random import Random

import trio

from strata.mesh.agent.asking import LINK_ERRORS, RequestRefused, ask, reached
from strata.mesh.agent.messages import GetStatus, HeldState, Status
from strata.mesh.port import Transport
from strata.mesh.roster import Roster

WITNESSES = 2  # that are asked; when one of them is the member that fails, there is another
EVERY_SECONDS = 0.5
MEMBERS_A_SECOND = 100  # so that the answers of a large mesh, which are long, are asked for less often
ANSWER_SECONDS = 2.0

_WORSE: Mapping[HeldState, int] = {"alive": 0, "suspect": 1, "left": 2, "dead": 3}


class Lookout:
    """Asks agents until cancelled. told: called with a peer id and its state when that is another than before."""

    def __init__(self, transport: Transport, roster: Roster, told: Callable[[str, HeldState], None]) -> None:
        self._transport = transport
        self._roster = roster
        self._told = told
        self._random = Random()  # noqa: S311 - no secret
        self._views: dict[str, Mapping[str, HeldState]] = {}
        self._worst: dict[str, HeldState] = {}
        self._asked: set[str] = set()

    def state(self, peer_id: str) -> HeldState:
        """What the mesh holds of this member; "alive" while nothing is known."""
        return self._worst.get(peer_id, "alive")

    async def run(self) -> None:
        """Ask. Agents that do not answer, or are there no more, give way to others."""
        async with trio.open_nursery() as nursery:
            for _ in range(WITNESSES):
                nursery.start_soon(self._ask_one_after_another)

    async def _ask_one_after_another(self) -> None:
        while True:
            if (peer_id := self._next()) is not None:
                self._asked.add(peer_id)
                try:
                    await self._ask(peer_id)
                except (*LINK_ERRORS, RequestRefused):
                    pass
                finally:
                    self._asked.discard(peer_id)
                    self._take(peer_id, {})
            await trio.sleep(EVERY_SECONDS)

    def _next(self) -> str | None:
        """Somebody who is not asked yet, and not known to be gone where there are others."""
        able = [
            each.peer_id
            for each in self._roster.membership.members
            if "node" in each.roles and each.addresses and each.peer_id not in self._asked
        ]
        there = [peer_id for peer_id in able if self.state(peer_id) == "alive"]
        return self._random.choice(there or able) if able else None

    async def _ask(self, peer_id: str) -> None:
        async with reached(self._transport, peer_id) as wire:
            while True:
                status = await ask(wire, GetStatus(), Status, seconds=ANSWER_SECONDS)
                self._take(peer_id, {each.peer: each.state for each in status.held})
                await trio.sleep(max(EVERY_SECONDS, len(status.held) / MEMBERS_A_SECOND))

    def _take(self, witness: str, view: Mapping[str, HeldState]) -> None:
        """Put this in place of what the witness said before."""
        self._views[witness] = view
        before, self._worst = self._worst, {}
        for each in self._views.values():
            for peer_id, state in each.items():
                if _WORSE[state] > _WORSE[self.state(peer_id)]:
                    self._worst[peer_id] = state
        for peer_id in before.keys() | self._worst.keys():
            if before.get(peer_id, "alive") != self.state(peer_id):
                self._told(peer_id, self.state(peer_id))
