"""Asking every member of a mesh how it is, over and over, on connections that faults do not cut."""

from collections.abc import Callable, Mapping

import trio

from strata.errors import StrataError
from strata.mesh import Transport
from strata.mesh.agent import LINK_ERRORS, GetStatus, Status, ask, reached

from .recorded import Event, Kind

PERIOD_SECONDS = 0.5
_PATIENCE = 60.0  # a member that is stopped answers when it goes on


class Watcher:
    """Notes what members say, each once in `PERIOD_SECONDS`. ids: peer ids by name. `clock`: seconds, as of the events.

    said: the latest of each. late: how often one that was not struck took longer than a second to answer, and worst,
    the longest it took: so much passed unseen.
    """

    def __init__(
        self,
        transport: Transport,
        ids: Mapping[str, str],
        events: list[Event],
        clock: Callable[[], float],
        struck: Callable[[str], bool],
    ) -> None:
        self.said: dict[str, Status] = {}
        self.answers = 0
        self.late = 0
        self.worst = 0.0
        self._transport = transport
        self._ids = dict(ids)
        self._names = {peer_id: name for name, peer_id in ids.items()}
        self._events = events
        self._clock = clock
        self._struck = struck
        self._before: dict[str, Event] = {}

    async def run(self) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            for name in self._ids:
                nursery.start_soon(self._watch, name)

    def begin(self) -> None:
        """Note everything anew from now on."""
        self._before.clear()
        self.answers, self.late, self.worst = 0, 0, 0.0

    async def _watch(self, name: str) -> None:
        while True:
            try:
                async with reached(self._transport, self._ids[name]) as wire:
                    self._before.pop(name, None)  # what it says now may be of another life
                    while True:
                        asked = trio.current_time()
                        was_struck = self._struck(name)
                        status = await ask(wire, GetStatus(), Status, seconds=_PATIENCE)
                        self._take(name, status, asked, was_struck)
                        await trio.sleep(max(0.0, asked + PERIOD_SECONDS - trio.current_time()))
            except (*LINK_ERRORS, StrataError):
                self.said.pop(name, None)
                await trio.sleep(PERIOD_SECONDS / 2)

    def _take(self, name: str, status: Status, asked: float, was_struck: bool) -> None:
        now, took = self._clock(), trio.current_time() - asked
        self.said[name] = status
        self.answers += 1
        if not was_struck and not self._struck(name) and took > 1:
            self.late += 1
            self.worst = max(self.worst, took)
        held = {self._names[each.peer]: each for each in status.held if each.peer in self._names}
        said = Event(
            now,
            Kind.SAID,
            name,
            neighbours={
                self._names[each.peer]: now - each.seconds for each in status.neighbours if each.peer in self._names
            },
            dead={peer: now - each.seconds for peer, each in held.items() if each.state == "dead"},
            living=frozenset(peer for peer, each in held.items() if each.state in ("alive", "suspect")),
            incarnation=status.incarnation,
        )
        before = self._before.get(name)
        if before is None or _told(before) != _told(said):
            self._before[name] = said
            self._events.append(said)


def _told(said: Event) -> tuple[object, ...]:
    links = {(name, round(since, 1)) for name, since in said.neighbours.items()}
    return links, said.dead.keys(), said.living, said.incarnation
