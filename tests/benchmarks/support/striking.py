"""Bringing about faults: SIGKILL and a new start, SIGSTOP and SIGCONT, links cut and whole again."""

import subprocess
from collections.abc import Callable, Sequence

import trio

from strata.mesh import LocalMesh, NodeDidNotStart, Pair
from strata.mesh.simulate import Fault
from strata.mesh.simulate import Kind as FaultKind

from .namespaces import Namespaces
from .recorded import Event, Kind

# The process that stops a member waits for us, and lets it go on when we are no more: a member that was stopped would
# not notice that, and outlive us.
_STOP = 'kill -STOP "$1" && echo stopped && read -r _; kill -CONT "$1"'


class LocalMeshApart(LocalMesh):
    """Members each on a machine of its own, or on loopback where there are no namespaces."""

    def __init__(self, home, names: Sequence[str], machines: Namespaces | None) -> None:
        super().__init__(home, len(names))
        self._machines = machines

    def host(self, name: str) -> str:
        """As `LocalNodes.host`."""
        return super().host(name) if self._machines is None else self._machines.addresses[name]

    def wrapped(self, name: str, command: Sequence[str]) -> Sequence[str]:
        """As `LocalNodes.wrapped`."""
        return command if self._machines is None else [*self._machines.within(name), *command]


class Striker:
    """Brings faults about and notes when they began and ended. `clock`: seconds since the faults began.

    notes: what could not be done. A fault that lasts longer than until `end` is over then.
    """

    def __init__(
        self,
        mesh: LocalMeshApart,
        machines: Namespaces | None,
        events: list[Event],
        clock: Callable[[], float],
        end: float,
        say: Callable[[str], None],
    ) -> None:
        self.notes: list[str] = []
        self.struck = 0
        self._down: set[str] = set()
        self._stopped: set[str] = set()
        self.starting: list[float] = []
        self._mesh = mesh
        self._machines = machines
        self._events = events
        self._clock = clock
        self._end = end
        self._say = say
        self._kills: dict[str, int] = {}

    def is_struck(self, name: str) -> bool:
        """Whether a member is killed or stopped now."""
        return name in self._down or name in self._stopped

    async def strike_all(self, faults: Sequence[Fault]) -> None:
        """All of them, each in its time; returns when the last is over."""
        strike = {FaultKind.CRASH: self._kill, FaultKind.STALL: self._stop, FaultKind.CUT: self._cut}
        async with trio.open_nursery() as nursery:
            for fault in faults:
                await self._until(fault.begins)
                nursery.start_soon(strike[fault.kind], fault)

    async def restart(self, name: str) -> None:
        """Start a member's process again, and wait until it serves; raises NodeDidNotStart."""
        begun = self._clock()
        await trio.to_thread.run_sync(self._mesh.restart, name)
        self.starting.append(self._clock() - begun)

    async def _kill(self, fault: Fault) -> None:
        name = str(fault.what)
        number = self._kills[name] = self._kills.get(name, 0) + 1
        self._down.add(name)
        await trio.to_thread.run_sync(self._mesh.kill, name)
        self._note(Kind.KILLED, name)
        self.struck += 1
        await self._until(fault.ends)
        try:
            await self.restart(name)
        except NodeDidNotStart as error:
            if self._kills[name] == number:  # else it was killed again before it served
                self.notes.append(f"{name} is away since second {self._clock():.0f}: {error}")
                return
        if self._kills[name] == number:
            self._down.discard(name)
        self._note(Kind.SERVES, name)

    async def _stop(self, fault: Fault) -> None:
        name = str(fault.what)
        if name in self._down:
            return
        pid = next(node.process.pid for node in self._mesh.nodes if node.name == name)
        process = await trio.lowlevel.open_process(
            ["sh", "-c", _STOP, "stop", str(pid)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        async with process.stdin, process.stdout:
            if await process.stdout.receive_some(1):
                self._stopped.add(name)
                self._note(Kind.STOPPED, name)
                self.struck += 1
                await self._until(fault.ends)
        await process.wait()
        self._stopped.discard(name)
        if name not in self._down:
            self._note(Kind.RESUMED, name)

    async def _cut(self, fault: Fault) -> None:
        if self._machines is None:
            return
        await trio.to_thread.run_sync(self._machines.cut, *fault.what)
        self._note(Kind.CUT, fault.what)
        self.struck += 1
        await self._until(fault.ends)
        await trio.to_thread.run_sync(self._machines.heal, *fault.what)
        self._note(Kind.HEALED, fault.what)

    def _note(self, kind: Kind, what: str | Pair) -> None:
        at = self._clock()
        self._events.append(Event(at, kind, what))
        self._say(f"{at:6.0f} s  {kind.name.lower():8} {what if isinstance(what, str) else ' - '.join(what)}")

    async def _until(self, time: float) -> None:
        await trio.sleep(max(0.0, min(time, self._end) - self._clock()))
