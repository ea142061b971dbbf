"""A try to connect through libp2p, and what it came to."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from strata.mesh.connect import Unreachable
from strata.secure import HelloRejected

T = TypeVar("T")


async def attempt(connect: Callable[[], Awaitable[T]], address: str) -> T:
    """What `connect` returns; called again where the peer could not open the hello, and has said what it can open now.

    Raises Unreachable with the reason that lies at the bottom of libp2p's errors.
    """
    from libp2p.exceptions import BaseLibp2pError

    try:
        try:
            return await connect()
        except BaseLibp2pError as error:
            if not isinstance(cause(error), HelloRejected):
                raise
            return await connect()
    except BaseLibp2pError as error:
        reason = str(cause(error)) or type(cause(error)).__name__
        raise Unreachable(f"cannot connect to {address}: {reason}") from error


def cause(error: BaseException) -> BaseException:
    """What lies at the bottom of an error: libp2p wraps it several times."""
    while isinstance(inner := getattr(error, "errors", [None])[0] or error.__cause__, BaseException):
        error = inner
    return error
