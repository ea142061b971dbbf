"""Run as a program: confines itself, then runs the Python that lies in a file, and says whether it ran to its end.

Imports nothing of Strata: it is started with `python -I -S`, so that it holds nothing but Python's own library.

In namespaces of its own (user, network, mounts, processes, IPC; user_namespaces(7), needs no root) there is no network,
every file system is read-only but for an empty one in memory where it works, no other process can be seen, and what it
starts dies with it. Files can still be read. The limits of setrlimit(2) hold with and without namespaces.
"""

import ctypes
import json
import os
import resource
import signal
import struct
import sys
from pathlib import Path

_CLONE_ALL = 0x10000000 | 0x40000000 | 0x00020000 | 0x20000000 | 0x08000000  # user, net, mount, pid, ipc
_MS_NOSUID_NODEV, _MS_REC_PRIVATE = 2 | 4, 0x4000 | 0x40000
_AT_RECURSIVE, _MOUNT_ATTR_RDONLY, _SYS_MOUNT_SETATTR, _AT_FDCWD = 0x8000, 1, 442, -100
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 24, 38
_CAPABILITY_VERSION_3 = 0x20080522
NO_NAMESPACES = 90  # exit status

_libc = ctypes.CDLL(None, use_errno=True)


def _call(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _enter_namespaces(work: str, file_bytes: int) -> None:
    user, group = os.getuid(), os.getgid()
    _call(_libc.unshare(_CLONE_ALL), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _call(_libc.mount(None, b"/", None, ctypes.c_ulong(_MS_REC_PRIVATE), None), "mount")
    attributes = struct.pack("QQQQ", _MOUNT_ATTR_RDONLY, 0, 0, 0)
    number, flags = ctypes.c_long(_SYS_MOUNT_SETATTR), ctypes.c_uint(_AT_RECURSIVE)
    _call(_libc.syscall(number, _AT_FDCWD, b"/", flags, attributes, ctypes.c_size_t(32)), "mount_setattr")
    for target in (work.encode(), b"/proc"):  # an empty /proc: others' environments stay theirs
        options = f"size={file_bytes},mode=700".encode()
        _call(_libc.mount(b"none", target, b"tmpfs", ctypes.c_ulong(_MS_NOSUID_NODEV), options), "mount")
    os.chdir(work)  # into the new one


def _drop_capabilities() -> None:
    for capability in range(64):
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    _call(_libc.capset(header, bytes(24)), "capset")
    _call(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


def _limit(limits: dict[str, int]) -> None:
    for name, value in limits.items():
        resource.setrlimit(getattr(resource, name), (value, value))


def _run(source: str) -> None:
    exec(compile(source, "program.py", "exec"), {"__name__": "__main__"})  # noqa: S102 - what this file is for


def _wait(child: int) -> int:
    """Exit status of a child; also reaps what it left behind, as the first process of a namespace must."""
    while True:
        ended, status = os.wait()
        if ended == child:
            return os.waitstatus_to_exitcode(status) & 0xFF


def main() -> int:
    """The one argument is JSON: program, work, result, word, limits, namespaces. The word is written to the file
    descriptor `result` if the program runs to its end."""
    task = json.loads(sys.argv[1])
    sys.argv = ["program.py"]
    source = Path(task["program"]).read_text(encoding="utf-8")
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if task["namespaces"]:
        try:
            _enter_namespaces(task["work"], task["limits"]["RLIMIT_FSIZE"])
        except OSError as error:
            print(error, file=sys.stderr)
            return NO_NAMESPACES
        if child := os.fork():
            return _wait(child)
        # The first process of the namespace. When it ends, so does every other one in it.
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if child := os.fork():
            os._exit(_wait(child))
        _drop_capabilities()
    else:
        os.chdir(task["work"])
    _limit(task["limits"])
    _run(source)
    # Not reached by a program that exits by itself: it did not run its tests.
    os.write(task["result"], task["word"].encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
