"""The messages of circuit relay v2 on a stream (https://github.com/libp2p/specs/blob/master/relay/circuit-v2.md)."""

from typing import TypeVar

from google.protobuf.message import DecodeError
from libp2p.abc import INetStream
from libp2p.exceptions import BaseLibp2pError
from libp2p.peer.id import ID
from libp2p.relay.circuit_v2.pb.circuit_pb2 import HopMessage, Limit, PeerId, Reservation, StopMessage
from libp2p.relay.circuit_v2.protocol import PROTOCOL_ID as HOP
from libp2p.relay.circuit_v2.protocol import STOP_PROTOCOL_ID as STOP
from libp2p.relay.circuit_v2.protocol_buffer import StatusCode, to_proto_status
from libp2p.relay.circuit_v2.utils import read_delimited_msg, write_delimited_msg

__all__ = [
    "HOP", "STOP", "HopMessage", "Limit", "Refused", "Reservation", "StatusCode", "StopMessage",
    "answer", "peer", "peer_of", "receive", "send", "status", "stop_answer",
]  # fmt: skip

M = TypeVar("M", HopMessage, StopMessage)


class Refused(Exception):
    """Why a request is not granted, or was not."""

    def __init__(self, status: StatusCode, reason: str) -> None:
        super().__init__(f"{reason} ({status.name})")
        self.status = status


async def receive(stream: INetStream, kind: type[M]) -> M:
    """The next message, of 64 KiB at most; raises Refused where it is none, or the stream's error."""
    try:
        message: M = await read_delimited_msg(stream, kind)
    except (DecodeError, ValueError) as error:
        raise Refused(StatusCode.MALFORMED_MESSAGE, f"not a message of a relay: {error}") from None
    return message


async def send(stream: INetStream, message: HopMessage | StopMessage) -> None:
    """Send a message; raises the stream's error."""
    await write_delimited_msg(stream, message)


async def status(stream: INetStream, kind: type[M]) -> M:
    """The answer to a request; raises Refused where it is not granted, or the stream's error."""
    message = await receive(stream, kind)
    if message.type != kind.STATUS or message.status != StatusCode.OK:
        code = StatusCode(message.status) if message.status in set(StatusCode) else StatusCode.UNUSED
        raise Refused(code, "the request was refused")
    return message


def peer(peer_id: str) -> PeerId:
    """How a message names a peer."""
    return PeerId(id=ID.from_base58(peer_id).to_bytes())


def peer_of(message: HopMessage | StopMessage) -> str:
    """The peer id that a message names; raises Refused."""
    try:
        return str(ID(message.peer.id).to_base58())
    except (BaseLibp2pError, ValueError):
        raise Refused(StatusCode.MALFORMED_MESSAGE, "the message names no peer") from None


def answer(code: StatusCode) -> HopMessage:
    """The answer of a relay."""
    return HopMessage(type=HopMessage.STATUS, status=to_proto_status(code))


def stop_answer(code: StatusCode) -> StopMessage:
    """The answer of who is to be reached."""
    return StopMessage(type=StopMessage.STATUS, status=to_proto_status(code))
