"""A forked child that is killed just before, or just after, its Nth system call (Linux, `ptrace`).

Between two system calls a process changes nothing that another one could see: whoever is right after a kill at each of
them is right after a kill at any moment.
"""

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass

_TRACEME, _SYSCALL, _SETOPTIONS = 0, 24, 0x4200
_TRACESYSGOOD, _EXITKILL = 0x1, 0x100000
_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


@dataclass(frozen=True)
class Ending:
    """code: of the exit, negative for a signal; stops: system calls entered and left until then."""

    code: int
    stops: int


def can_trace() -> bool:
    """Whether this machine lets a process trace its own children."""
    if sys.platform != "linux":
        return False
    try:
        return run_until(lambda: None, lambda: None, None).code == 0
    except OSError:
        return False


def run_until(prepare: Callable[[], None], action: Callable[[], None], stop: int | None) -> Ending:
    """Have a child do both; kill it at that stop of `action`, counted from 1. Raises OSError where that is forbidden.

    Every system call is two stops: at the first it has not happened, at the second it has.
    """
    child = os.fork()
    if child == 0:
        _be_traced(prepare, action)
    stops, passed_on = 0, 0
    _, status = os.waitpid(child, 0)
    if os.WIFSTOPPED(status):
        _ptrace(_SETOPTIONS, child, _TRACESYSGOOD | _EXITKILL)
    while os.WIFSTOPPED(status):
        at_call = os.WSTOPSIG(status) == signal.SIGTRAP | 0x80
        stops += at_call
        if at_call and stops == stop:
            os.kill(child, signal.SIGKILL)
        else:
            _ptrace(_SYSCALL, child, passed_on)
        _, status = os.waitpid(child, 0)
        at_call = os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGTRAP | 0x80
        passed_on = os.WSTOPSIG(status) if os.WIFSTOPPED(status) and not at_call else 0
    return Ending(os.waitstatus_to_exitcode(status), stops)


def _be_traced(prepare: Callable[[], None], action: Callable[[], None]) -> None:
    code = 1
    try:
        prepare()
        if _libc.ptrace(_TRACEME, 0, None, None) == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
            action()
            code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _ptrace(request: int, child: int, data: int) -> None:
    if _libc.ptrace(request, child, None, data) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")
