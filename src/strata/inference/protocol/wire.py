"""Messages of the inference protocol over a link."""

import trio

from strata.inference.protocol.messages import CODEC, AnyMessage, Chunk, Ping, Pong
from strata.mesh import Connection, Kind
from strata.mesh import Wire as MeshWire

Requests = trio.MemoryReceiveChannel[tuple[AnyMessage, memoryview]]


class Wire(MeshWire[AnyMessage, Connection]):
    """A link, or a stream of a libp2p host, that carries these messages."""

    def __init__(self, link: Connection) -> None:
        super().__init__(link, CODEC)

    def _classify(self, message: AnyMessage) -> None:
        """Shards do not hold up activations, and neither does a sign of life."""
        match message:
            case Chunk():
                self.link.kind = Kind.SHARDS
            case Ping() | Pong():
                self.link.kind = Kind.CONTROL
            case _:
                self.link.kind = Kind.ACTIVATIONS
