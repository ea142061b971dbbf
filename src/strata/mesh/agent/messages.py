"""What agents of a mesh, and the coordinators that sweep it, say to each other.

A link carries one request at a time, and each is answered by one message. Any member may ping, keep a link, ask how an
agent is and bring a newer membership; only a member with the role "coordinator" may have it dial, drop or probe.

A link whose first message is a Tell carries nothing else, in both directions, and nothing on it is answered.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from strata.mesh.messaging import Codec, Connection, Message
from strata.mesh.messaging import Wire as MessageWire
from strata.mesh.network import Device

MAX_NEIGHBOURS = 1024
MAX_HEADER = 1 << 20  # a status that lists every member a mesh can have takes 500 KiB
MAX_PAYLOAD = 2 << 20  # a membership; a throughput sample is smaller
MAX_SAMPLE = 1 << 20
MAX_PINGS = 32
MAX_TARGETS = 64

PeerId = Annotated[str, Field(min_length=1, max_length=128)]
Text = Annotated[str, Field(max_length=300)]
Seconds = Annotated[float, Field(ge=0, lt=3600)]


class Ping(Message):
    """Answered by the Pong of that number. It may carry a payload, to measure how fast that goes."""

    type: Literal["ping"] = "ping"
    number: Annotated[int, Field(ge=0, lt=1 << 32)]


class Pong(Message):
    """The answer to the Ping of that number."""

    type: Literal["pong"] = "pong"
    number: Annotated[int, Field(ge=0, lt=1 << 32)]


class Keep(Message):
    """This link is one of the mesh's own: the sender was told to keep it, and pings over it. Done or Refused.

    silence_seconds: after which the link is over, if the sender has said nothing.
    """

    type: Literal["keep"] = "keep"
    silence_seconds: Annotated[float, Field(ge=1, le=600)]


class Update(Message):
    """The payload is a sealed membership. Done, also where it is not newer than what the agent has."""

    type: Literal["update"] = "update"


class Tell(Message):
    """The payload is a datagram of the failure detector (see `strata.mesh.members`). Not answered."""

    type: Literal["tell"] = "tell"


class GetStatus(Message):
    """Answered by Status."""

    type: Literal["get_status"] = "get_status"


class Neighbour(Message):
    """A peer that a link is up with, and for how many seconds it has been.

    rtt_seconds: the shortest round trip of late, None where the peer measures it.
    """

    peer: PeerId
    seconds: Annotated[float, Field(ge=0, lt=1e11)]
    rtt_seconds: Seconds | None


ECH_CONFIG = "ECH config"  # which its holder replaces by itself: it is amiss only where its time is over


class Expiring(Message):
    """Something that the agent holds, and when it runs out (seconds since 1970)."""

    what: Text
    at: Annotated[float, Field(ge=0, lt=1e11)]


HeldState = Literal["alive", "suspect", "dead", "left"]


class Held(Message):
    """What an agent's failure detector holds of a member, and for how many seconds it has."""

    peer: PeerId
    state: HeldState
    seconds: Annotated[float, Field(ge=0, lt=1e11)]


class Status(Message):
    """What an agent is, and what it holds. told: the peers that it keeps links to, whether or not they are up.

    incarnation: how often it had to say that it is alive after all. held: of each other member that it has heard of.
    """

    type: Literal["status"] = "status"
    version: Annotated[str, Field(max_length=64)]
    membership: Annotated[int, Field(ge=0)]
    device: Annotated[Device, Field(strict=False)]
    most_links: Annotated[int, Field(ge=0, le=MAX_NEIGHBOURS)]
    neighbours: Annotated[tuple[Neighbour, ...], Field(max_length=MAX_NEIGHBOURS)]
    told: Annotated[tuple[PeerId, ...], Field(max_length=MAX_NEIGHBOURS)]
    expiring: Annotated[tuple[Expiring, ...], Field(max_length=16)] = ()
    incarnation: Annotated[int, Field(ge=0, le=1 << 62)] = 0
    held: Annotated[tuple[Held, ...], Field(max_length=MAX_NEIGHBOURS)] = ()


class Dial(Message):
    """Keep a link to `peer` from now on. Done when it is up; Refused, and not kept, where it does not come up."""

    type: Literal["dial"] = "dial"
    peer: PeerId


class Drop(Message):
    """Keep no link with `peer` any more, and close what is up. Done."""

    type: Literal["drop"] = "drop"
    peer: PeerId


class Probe(Message):
    """Probe these peers over new links: so many pings, then some with a sample of so many bytes. Answered by Probed.

    Mobile members are metered: there is no sample where one is at either end.
    """

    type: Literal["probe"] = "probe"
    peers: Annotated[tuple[PeerId, ...], Field(min_length=1, max_length=MAX_TARGETS)]
    pings: Annotated[int, Field(ge=1, le=MAX_PINGS)]
    sample_bytes: Annotated[int, Field(ge=0, le=MAX_SAMPLE)]


class Echoes(Message):
    """What came of probing `peer`.

    rtts: seconds of each ping, None for one that was not answered in time; empty where the peer could not be reached,
    and `reason` says why. sample_seconds: what a sample took at best, beside its round trip.
    """

    peer: PeerId
    rtts: Annotated[tuple[Seconds | None, ...], Field(max_length=MAX_PINGS)] = ()
    sample_seconds: Annotated[float, Field(gt=0, lt=3600)] | None = None
    reason: Text = ""


class Probed(Message):
    """The results of a Probe, one for each peer in its order."""

    type: Literal["probed"] = "probed"
    results: Annotated[tuple[Echoes, ...], Field(max_length=MAX_TARGETS)]


class Done(Message):
    """The request was carried out."""

    type: Literal["done"] = "done"


class Refused(Message):
    """The request was not carried out. `code` is for programs, `reason` for people."""

    type: Literal["refused"] = "refused"
    code: Literal["role", "full", "unreachable", "other"]
    reason: Text


AnyMessage = (
    Ping | Pong | Keep | Update | Tell | GetStatus | Status | Dial | Drop | Probe | Probed | Done | Refused
)  # fmt: skip

_HEADERS: TypeAdapter[AnyMessage] = TypeAdapter(Annotated[AnyMessage, Field(discriminator="type")])

CODEC = Codec(_HEADERS, MAX_HEADER, MAX_PAYLOAD)


class Wire(MessageWire[AnyMessage, Connection]):
    """A link that carries these messages."""

    def __init__(self, link: Connection) -> None:
        super().__init__(link, CODEC)
