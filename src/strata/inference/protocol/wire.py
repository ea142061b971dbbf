"""Messages of the inference protocol over a link."""

import trio

from strata.inference.protocol.messages import CODEC, AnyMessage
from strata.mesh import Link
from strata.mesh import Wire as MeshWire

Requests = trio.MemoryReceiveChannel[tuple[AnyMessage, memoryview]]


class Wire(MeshWire[AnyMessage, Link]):
    """A link that carries these messages."""

    def __init__(self, link: Link) -> None:
        super().__init__(link, CODEC)
