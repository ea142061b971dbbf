"""Failures told once: when a stage fails under several generations each of them meets it, but it is one incident."""

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import trio

from strata.inference.run.errors import StageFailed
from strata.inference.run.generate import StageResult


class Watcher(Protocol):
    """Who writes down what fails. Called from worker threads."""

    def failed(self, failure: StageFailed) -> int:
        """A stage has failed; returns the key of this failure."""

    def recovered(self, key: int, response: str, seconds: float) -> None:
        """The layers are elsewhere, `response` says where, `seconds` after the failure was noticed."""

    def gave_up(self, key: int, response: str) -> None:
        """The generation does not go on."""

    def leaking(self, node: str, detail: str) -> None:
        """A node suspects that its sessions leave memory behind; told once for each finding."""

    def sound(self, node: str, response: str) -> None:
        """A node suspects nothing, or nothing any more, and why; told once until it is found leaking."""


@dataclass
class Incident:
    """A failure that the watcher knows by `key`; response: what was done about it, None while that is open."""

    key: int
    response: str | None = None
    went_on: bool = False


class Told:
    """What a watcher is told by generations that share a placement.

    The first of them to go on settles the incident, since it is the one that has moved the layers. One that ends
    otherwise than what was settled makes an incident of its own.
    """

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._known: dict[tuple[int, str], Incident] = {}
        self._turn = trio.Lock()

    async def failed(self, failure: StageFailed, moves: int) -> Incident:
        """A node failed a generation that ran where the layers lay after so many moves."""
        async with self._turn:
            place = moves, failure.node
            if place not in self._known:
                self._known[place] = Incident(await trio.to_thread.run_sync(self._watcher.failed, failure))
            return self._known[place]

    async def recovered(self, incident: Incident, failure: StageFailed, response: str, seconds: float) -> str:
        """A generation that met it goes on; returns what was done about it."""
        async with self._turn:
            if (own := await self._opened(incident, failure, went_on=True)) is not None:
                await trio.to_thread.run_sync(self._watcher.recovered, own.key, response, seconds)
                own.response, own.went_on = response, True
            return incident.response if incident.response is not None and incident.went_on else response

    async def gave_up(self, incident: Incident, failure: StageFailed, response: str) -> None:
        """A generation that met it does not."""
        async with self._turn:
            if (own := await self._opened(incident, failure, went_on=False)) is not None:
                await trio.to_thread.run_sync(self._watcher.gave_up, own.key, response)
                own.response = response

    async def _opened(self, incident: Incident, failure: StageFailed, *, went_on: bool) -> Incident | None:
        """The incident to end so: this one, another where it has ended otherwise, None where it has ended just so."""
        if incident.response is None:
            return incident
        if incident.went_on == went_on:
            return None
        return Incident(await trio.to_thread.run_sync(self._watcher.failed, failure))


class Telling:
    """One `Told` for all generations that share a place and a watcher, as long as there are any."""

    def __init__(self) -> None:
        self._shared: dict[tuple[Hashable, int], tuple[Told, list[None]]] = {}

    @contextmanager
    def told(self, place: Hashable, watcher: Watcher) -> Iterator[Told]:
        """Yield that of the place."""
        key = place, id(watcher)  # whoever is in here keeps the watcher, so nobody else has its id
        told, users = self._shared.setdefault(key, (Told(watcher), []))
        users.append(None)
        try:
            yield told
        finally:
            users.pop()
            if not users:
                del self._shared[key]


class ToldLeaks:
    """What watchers are told of the memory of a coordinator's nodes: each finding once, and once that there is none."""

    def __init__(self) -> None:
        self._found: set[tuple[str, str]] = set()
        self._sound: set[str] = set()

    async def tell(self, stages: Sequence[StageResult], watcher: Watcher) -> None:
        """Tell what is new in the results of a run."""
        found = {(stage.node, stage.leak) for stage in stages if stage.leak}
        leaking = {node for node, _ in found}
        sound = {stage.node: stage for stage in stages if stage.node not in leaking | self._sound}
        new = found - self._found
        self._sound = (self._sound - leaking) | set(sound)
        self._found = {(node, detail) for node, detail in self._found if node not in sound} | found
        for node, detail in sorted(new):
            await trio.to_thread.run_sync(watcher.leaking, node, detail)
        for node, stage in sound.items():
            why = "nothing grew in its latest window" if stage.leak_windows else "it was restarted, so it holds nothing"
            await trio.to_thread.run_sync(watcher.sound, node, f"no leak is found any more: {why}")
