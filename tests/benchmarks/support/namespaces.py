"""Network namespaces: a machine for each name, all on one bridge, and links between them that can be cut.

Nothing of it has a name outside. The namespaces are held open by descriptors of this process and by the processes that
run in them, so the kernel removes them, wires and all, when those are no more, whatever ended them.
"""

import ctypes
import os
import subprocess
from collections.abc import Sequence
from types import TracebackType
from typing import Self

_NEWNET = 0x40000000  # CLONE_NEWNET
_libc = ctypes.CDLL(None, use_errno=True)
_NOWHERE = "02:00:00:00:00:00"  # a machine that is not there
_WIRE = "wire"


class Namespaces:
    """The calling thread is in the namespace of the bridge for the block, and so is all that it starts.

    A cut is made where frames leave: both machines send what is for the other to nobody. So nobody is told that
    nothing comes through, as of a wire that was cut somewhere on the way; a route that says "blackhole" would tell the
    sender at once.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.addresses = {name: f"10.77.{number >> 8}.{number & 255}" for number, name in enumerate(names, 1)}
        self._inside: dict[str, int] = {}
        self._outside = -1

    def __enter__(self) -> Self:
        self._outside = _here()
        try:
            _change(_libc.unshare(_NEWNET))
            bridge = _here()
            self._inside[""] = bridge
            _ip(
                "link add bridge type bridge",
                "link set bridge up",
                "link set lo up",
                "addr add 10.77.255.254/16 dev bridge",
            )
            for number, (name, address) in enumerate(self.addresses.items()):
                _change(_libc.unshare(_NEWNET))
                self._inside[name] = _here()
                _change(_libc.setns(bridge, _NEWNET))
                far = f"peer name {_WIRE} netns {self._path(name)}"
                _ip(f"link add to{number} type veth {far}", f"link set to{number} master bridge up")
                _ip(
                    "link set lo up",
                    f"link set {_WIRE} up",
                    f"addr add {address}/16 dev {_WIRE}",
                    inside=self.within(name),
                )
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def within(self, name: str) -> list[str]:
        """What to put before a command to have it run on that machine; it stays the same process."""
        return ["nsenter", f"--net={self._path(name)}", "--"]

    def cut(self, one: str, other: str) -> None:
        """Nothing comes through between the two any more."""
        for near, far in ((one, other), (other, one)):
            _ip(
                f"neigh replace {self.addresses[far]} lladdr {_NOWHERE} dev {_WIRE} nud permanent",
                inside=self.within(near),
            )

    def heal(self, one: str, other: str) -> None:
        """It does again."""
        for near, far in ((one, other), (other, one)):
            _ip(f"neigh del {self.addresses[far]} dev {_WIRE}", inside=self.within(near))

    def _path(self, name: str) -> str:
        return f"/proc/{os.getpid()}/fd/{self._inside[name]}"

    def _leave(self) -> None:
        _change(_libc.setns(self._outside, _NEWNET))
        for each in (*self._inside.values(), self._outside):
            os.close(each)
        self._inside.clear()


def why_no_namespaces() -> str:
    """Why this machine does not let us make them; empty where it does."""
    try:
        with Namespaces(["one", "other"]) as machines:
            machines.cut("one", "other")
            machines.heal("one", "other")
    except OSError as error:
        return str(error)
    return ""


def _here() -> int:
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _change(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"network namespaces: {os.strerror(number)}")


def _ip(*commands: str, inside: Sequence[str] = ()) -> None:
    done = subprocess.run(
        [*inside, "ip", "-batch", "-"], input="\n".join(commands), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise OSError(f"ip {'; '.join(commands)}: {done.stderr.strip()}")
