"""How a front passes on a hello that it has opened: in a hello of its own, under the target's config.

The inner message and the binding go through as they are, so the channel is end to end between dialler and target; the
front sees what it carries under encryption only. Beside it goes an outer message of the front's own: should the target
be unable to open the hello, its answer can be read by the front, which then asks for the target's new config.
"""

import time
from collections.abc import Callable

from strata.secure.ech import hello
from strata.secure.ech.configs import EchConfig
from strata.secure.errors import HandshakeFailed
from strata.secure.handshake import InitiatorHandshake
from strata.secure.identity import Identity
from strata.secure.membership import Membership


class EchForward:
    """A hello on its way to its target; raises NotAMember when the target is none, BadEchConfig.

    first: what to send to the target. expected: the size of its answer, which `rejected` judges.
    """

    def __init__(
        self,
        identity: Identity,
        membership: Membership,
        opened: hello.Opened,
        config: EchConfig,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        header = hello.header_for(config)
        inner = hello.Inner(int(clock()), opened.target, opened.message, relayed=opened.binding)
        sealed = hello.seal(config, header, inner)
        extra = hello.outer_extra(header, sealed)
        self._outer = InitiatorHandshake(identity, membership, opened.peer_id, extra=extra, clock=clock)
        self.first = header + sealed + self._outer.start()
        self.expected = self._outer.expected

    def rejected(self, answer: bytes) -> bool:
        """Whether the target could not open it; else the answer is the dialler's."""
        try:
            self._outer.step(answer)
        except HandshakeFailed:
            return False
        return True
