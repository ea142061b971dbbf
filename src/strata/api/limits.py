"""How much one caller may ask: requests a minute, answers at a time, bytes of a body."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from time import time

from fastapi import Depends, HTTPException, Request
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from strata.api.guard import Caller
from strata.errors import StrataError


@dataclass(frozen=True)
class Limits:
    """rate: of each token, such as "600/minute". anonymous_rate: of each address that gives no valid token.

    streams: answers that one token may wait for at a time. body_bytes: of a request.
    """

    rate: str = "600/minute"
    anonymous_rate: str = "60/minute"
    streams: int = 8
    body_bytes: int = 1 << 20


@dataclass(frozen=True)
class Allowance:
    """What is left of a caller's rate. seconds: until there is more; allowed: whether this request was within it."""

    policy: str
    allowed: bool
    limit: int
    window_seconds: int
    left: int
    seconds: int

    @property
    def headers(self) -> dict[str, str]:
        """The fields of draft-ietf-httpapi-ratelimit-headers-10, and Retry-After for one that is refused."""
        fields = {
            "RateLimit-Policy": f'"{self.policy}";q={self.limit};w={self.window_seconds}',
            "RateLimit": f'"{self.policy}";r={self.left};t={self.seconds}',
        }
        return fields if self.allowed else {**fields, "Retry-After": str(self.seconds)}


class Rates:
    """Counts requests by a sliding window, with two numbers a caller, in this process. Raises StrataError."""

    def __init__(self, limits: Limits) -> None:
        self._of_token = _parsed(limits.rate)
        self._of_address = _parsed(limits.anonymous_rate)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def token(self, token_id: int) -> Allowance:
        """Count a request with this token."""
        return self._count("token", self._of_token, str(token_id))

    def address(self, address: str) -> Allowance:
        """Count a request from this address without a valid token."""
        return self._count("address", self._of_address, network_of(address))

    def _count(self, policy: str, item: RateLimitItem, who: str) -> Allowance:
        allowed = self._limiter.hit(item, policy, who)
        window = self._limiter.get_window_stats(item, policy, who)
        seconds = max(1, ceil(window.reset_time - time()))
        return Allowance(policy, allowed, item.amount, item.get_expiry(), window.remaining, seconds)


class Streams:
    """How many answers each token waits for. Used from one event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: Counter[int] = Counter()

    def take(self, token_id: int) -> bool:
        """Begin one more, if it may."""
        if self._held[token_id] >= self._most:
            return False
        self._held[token_id] += 1
        return True

    def give_back(self, token_id: int) -> None:
        """One has ended."""
        self._held[token_id] -= 1
        if not self._held[token_id]:
            del self._held[token_id]


async def _hold(request: Request, caller: Caller) -> AsyncIterator[None]:
    streams: Streams = request.app.state.streams
    if not streams.take(caller.id):
        raise HTTPException(429, "this token waits for as many answers as it may; end one first", {"Retry-After": "1"})
    try:
        yield
    finally:
        streams.give_back(caller.id)


ONE_ANSWER = Depends(_hold)
"""The dependency of a route that streams: it counts from its first byte to its last, or until the caller is gone."""


def network_of(address: str) -> str:
    """Whose address it is: of IPv6 the /64, which one caller usually has for itself."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address  # of a Unix socket
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or ip_network((parsed, 64), strict=False))


def _parsed(rate: str) -> RateLimitItem:
    try:
        return parse(rate)
    except ValueError:
        raise StrataError(f"not a rate: {rate!r}; write 600/minute") from None
