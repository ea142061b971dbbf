"""Nodes on the machines of a Ray cluster, from the side of who wants them: placed, enrolled, kept up, ended."""

import re
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event as Flag
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Self

from strata.errors import StrataError
from strata.mesh.ray_nodes.actor import Here, NodeActor
from strata.mesh.ray_nodes.enrolling import Enrolled, enrol
from strata.mesh.ray_nodes.placing import Portion, machines_in, no_room
from strata.mesh.ray_nodes.restarts import Restarts
from strata.mesh.ray_nodes.telling import NodeNews, Say
from strata.mesh.started import END_SECONDS, START_SECONDS
from strata.secure import Identity, Membership, PeerCard, edit_membership, read_membership, write_membership

CALL_SECONDS = 60.0  # of a call that does nothing long; a machine may have to start a process for it
LISTEN_SECONDS = 5.0  # of one question for what is new
THREADS = 4  # of an actor: one listens for what is new, others start and end

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}")  # so that with a number it is a member's


@dataclass(frozen=True)
class NodesWanted:
    """So many nodes, each with its portion, called `name-1`, `name-2`, and so on.

    Each keeps its key and what tensors it is sent on its machine, below the folder `home` there ("~" is that of the
    user who runs Ray). wait_seconds: until there is room for all.
    Raises StrataError for a name that no member can have.
    """

    nodes: int
    portion: Portion
    name: str = "ray"
    home: str = "~/.strata/ray"
    wait_seconds: float = 60.0

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise StrataError(f"not a name for nodes (letters, digits, '.', '_', '-', at most 50): {self.name[:80]!r}")

    @property
    def names(self) -> tuple[str, ...]:
        """Of the nodes."""
        return tuple(f"{self.name}-{number}" for number in range(1, self.nodes + 1))

    @property
    def arguments(self) -> list[str]:
        """Of `strata node`."""
        return ["--memory", str(self.portion.memory), "--threads", str(max(1, int(self.portion.cpus)))]


@dataclass(frozen=True)
class Placed:
    """A node on its machine. actor: Ray's handle of its `NodeActor`."""

    actor: Any
    here: Here
    enrolled: Enrolled


class RayNodes:
    """Such nodes for as long as a `with` block lasts, members of the mesh in the file `mesh`, which `owner` owns; it is
    founded where the file does not exist.

    ray: the module, connected. Where a node dies its actor starts it again; where an actor dies, or its machine, `tend`
    makes another, wherever there is room. All of it ends with the block, and with this process. Raises StrataError
    where there is no room, or a node does not start.
    """

    def __init__(self, ray: Any, wanted: NodesWanted, mesh: Path, owner: Identity, say: Say) -> None:
        self._ray, self._wanted, self._mesh, self._owner, self._say = ray, wanted, mesh, owner, say
        self._stack = ExitStack()
        self._group: Any = None
        self._placed: dict[str, Placed] = {}
        self._editing = Lock()
        self._ending = Flag()

    @property
    def nodes(self) -> Mapping[str, Placed]:
        """By name."""
        return dict(self._placed)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            begun = time.monotonic()
            self._group = self._reserve(stack)
            stack.callback(self._end)
            if not self._mesh.exists():
                founded = Membership.found(self._owner)
                founded = founded.with_member(self._owner.card, "coordinator", (), ("coordinator",))
                write_membership(self._mesh, founded.seal(self._owner))
            self._place(self._wanted.names)
            for name, placed in self._placed.items():
                self._told("ready", name, placed, seconds=time.monotonic() - begun)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def tend(self) -> None:
        """Tell what befalls the nodes, and place anew those whose actor died, until an exception ends it."""
        found: SimpleQueue[NodeNews | BaseException] = SimpleQueue()
        for name in self._wanted.names:
            Thread(target=self._tend, args=(name, found), name=f"tend {name}", daemon=True).start()
        while True:
            with suppress(Empty):
                told = found.get(timeout=1.0)  # so that a signal is not kept waiting
                if isinstance(told, BaseException):
                    raise told
                self._say(told)

    def _reserve(self, stack: ExitStack) -> Any:
        """Room for all nodes at once, on different machines as far as there are as many."""
        from ray.util.placement_group import placement_group, remove_placement_group

        portion, nodes = self._wanted.portion, self._wanted.nodes
        group = placement_group([portion.resources] * nodes, strategy="SPREAD")
        stack.callback(remove_placement_group, group)
        if not group.wait(self._wanted.wait_seconds):
            raise StrataError(no_room(machines_in(self._ray.nodes()), portion, nodes))
        return group

    def _place(self, names: tuple[str, ...]) -> None:
        """Have these nodes started, each where its room is, and enrolled."""
        revoked = read_membership(self._mesh).revoked
        actors = {name: self._actor(name) for name in names}
        found: dict[str, Here] = self._ask({name: actor.here.remote() for name, actor in actors.items()}, CALL_SECONDS)
        for here in found.values():
            if here.version != version("strata"):
                raise StrataError(f"{here.host} has Strata {here.version}, this machine {version('strata')}")
        cards = self._ask({name: actor.card.remote(revoked) for name, actor in actors.items()}, CALL_SECONDS)
        enrolled = {name: Enrolled(PeerCard.from_text(card)) for name, card in cards.items()}
        sealed = self._enrol(enrolled)
        starting = {name: actor.start.remote(sealed, found[name].address) for name, actor in actors.items()}
        for name, address in self._ask(starting, CALL_SECONDS + START_SECONDS).items():
            enrolled[name] = Enrolled(enrolled[name].card, address)
            self._placed[name] = Placed(actors[name], found[name], enrolled[name])
        sealed = self._enrol(enrolled)
        self._ask({name: placed.actor.take.remote(sealed) for name, placed in self._placed.items()}, CALL_SECONDS)

    def _actor(self, name: str) -> Any:
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        resources, place = self._wanted.portion.resources, self._wanted.names.index(name)
        options = {
            "num_cpus": resources["CPU"],
            "memory": resources["memory"],
            "max_concurrency": THREADS,
            "max_restarts": 0,  # another is made here, which may be on another machine, with another key
            "scheduling_strategy": PlacementGroupSchedulingStrategy(self._group, place),
        }
        return self._ray.remote(NodeActor).options(**options).remote(name, self._wanted.home, self._wanted.arguments)

    def _enrol(self, nodes: Mapping[str, Enrolled]) -> bytes:
        """The membership with these nodes, as it is in the file from now on."""
        with self._editing:
            changed = edit_membership(self._mesh, self._owner, lambda membership: enrol(membership, nodes))
        return changed.seal(self._owner)

    def _ask(self, refs: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """The actors' answers; raises the StrataError of one that has one, and StrataError where one is not there."""
        from ray.exceptions import GetTimeoutError, RayActorError, RayTaskError

        try:
            return dict(zip(refs, self._ray.get(list(refs.values()), timeout=seconds), strict=True))
        except RayTaskError as error:
            if isinstance(error.cause, StrataError):
                raise error.cause from None
            raise
        except RayActorError as error:
            raise ActorLost(f"{', '.join(refs)}: {_first_line(error)}") from error
        except GetTimeoutError as error:
            raise ActorLost(f"{', '.join(refs)}: no answer within {seconds:g} s") from error

    def _tend(self, name: str, found: "SimpleQueue[NodeNews | BaseException]") -> None:
        """For one node, until all end."""
        restarts, seen = Restarts(), 0
        restarts.ready(time.monotonic())
        try:
            while not self._ending.is_set():
                placed = self._placed[name]
                try:
                    # What is left of a call that is late is nobody's: an actor answers sooner, or is lost.
                    asked = {name: placed.actor.told.remote(seen, LISTEN_SECONDS)}
                    for event in self._ask(asked, LISTEN_SECONDS + CALL_SECONDS)[name]:
                        seen = event.number
                        found.put(_told(event.kind, name, placed, event.detail, event.seconds))
                except ActorLost as error:
                    self._replace(name, placed, str(error), restarts, found)
                    seen = 0
        except BaseException as error:
            if not self._ending.is_set():
                found.put(error)

    def _replace(
        self, name: str, lost: Placed, why: str, restarts: Restarts, found: "SimpleQueue[NodeNews | BaseException]"
    ) -> None:
        """Place a node anew whose actor is lost, as often as it takes."""
        died = time.monotonic()
        wait = restarts.died(died)
        found.put(_told("lost", name, lost, why, wait))
        self._ray.kill(lost.actor)
        while not self._ending.wait(wait):
            try:
                self._place((name,))
            except StrataError as error:
                wait = restarts.died(time.monotonic())
                found.put(_told("failed", name, lost, str(error), wait))
            else:
                restarts.ready(time.monotonic())
                found.put(_told("back", name, self._placed[name], "", time.monotonic() - died))
                return

    def _told(self, kind: Any, name: str, placed: Placed, detail: str = "", seconds: float = 0.0) -> None:
        self._say(_told(kind, name, placed, detail, seconds))

    def _end(self) -> None:
        """End all nodes; those that did not end by then end with their actors."""
        self._ending.set()
        ended = {name: placed.actor.stop.remote() for name, placed in self._placed.items()}
        if ended:
            self._ray.wait(list(ended.values()), num_returns=len(ended), timeout=2 * END_SECONDS)
        for name, placed in self._placed.items():
            self._ray.kill(placed.actor)
            self._told("ended", name, placed)
        if self._placed:
            self._enrol({name: Enrolled(placed.enrolled.card) for name, placed in self._placed.items()})


class ActorLost(StrataError):
    """An actor, its machine or the cluster is gone."""


def _told(kind: Any, name: str, placed: Placed, detail: str, seconds: float) -> NodeNews:
    return NodeNews(kind, name, placed.here.address, placed.enrolled.address or "", detail, seconds)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
