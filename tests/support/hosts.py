"""Stock libp2p hosts, as anybody's would be, and what is said between hosts."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import sha256

import libp2p
import trio
from libp2p.abc import IHost, INetStream
from libp2p.crypto.ed25519 import Ed25519PrivateKey
from libp2p.crypto.keys import KeyPair
from libp2p.custom_types import TProtocol
from libp2p.exceptions import BaseLibp2pError
from libp2p.host.ping import ID as PING
from libp2p.identity.identify.identify import ID as IDENTIFY
from libp2p.identity.identify.pb.identify_pb2 import Identify
from libp2p.peer.id import ID
from libp2p.utils.varint import read_length_prefixed_protobuf
from multiaddr import Multiaddr

from strata.mesh import Unreachable, dial_peer
from strata.secure import Identity

DIGEST = TProtocol("/test/digest/1")
BLOCK = bytes(range(256)) * 256  # 64 KiB


def run(test: Callable[[], Awaitable[None]], seconds: float = 60) -> None:
    """Run an asynchronous test, and let it hang no longer than that."""

    async def limited() -> None:
        with trio.fail_after(seconds):
            await test()

    trio.run(limited)


@asynccontextmanager
async def stock_host(
    identity: Identity, addresses: tuple[str, ...] = ("/ip4/127.0.0.1/tcp/0",)
) -> AsyncIterator[IHost]:
    """A host with all of libp2p's own defaults."""
    private_key = Ed25519PrivateKey.from_bytes(identity.signing_seed)
    host = libp2p.new_host(
        key_pair=KeyPair(private_key, private_key.get_public_key()), enable_websocket=True, negotiate_timeout=5
    )
    async with host.run([Multiaddr(address) for address in addresses]):
        yield host
        await host.close()


def address(host: IHost) -> str:
    """Where to dial it, its peer id included."""
    return str(host.get_addrs()[0])


def serve_digests(host: IHost) -> None:
    """Answer each stream with the SHA-256 of what came until its end."""

    async def answer(stream: INetStream) -> None:
        digest = sha256()
        while data := await read_some(stream):
            digest.update(data)
        await stream.write(digest.digest())
        await stream.close()

    host.set_stream_handler(DIGEST, answer)


async def read_some(stream: INetStream) -> bytes:
    """Up to 64 KiB, and nothing at the end."""
    try:
        return await stream.read(1 << 16)
    except EOFError:
        return b""
    except Exception as error:
        if type(error).__name__ == "StreamEOF":
            return b""
        raise


async def digest_of(host: IHost, peer: ID, megabytes: int) -> bool:
    """Send so much on one stream; whether what arrived there is what was sent."""
    stream = await host.new_stream(peer, [DIGEST])
    expected = sha256()
    for index in range(megabytes * 16):
        block = index.to_bytes(8, "big") + BLOCK[8:]
        expected.update(block)
        await stream.write(block)
    await stream.close_write()
    answer = b""
    while len(answer) < expected.digest_size and (data := await read_some(stream)):
        answer += data
    await stream.close()
    return answer == expected.digest()


async def ping(host: IHost, peer: ID) -> float:
    """Round trip in seconds."""
    stream = await host.new_stream(peer, [PING])
    began = trio.current_time()
    await stream.write(bytes(32))
    answer = b""
    while len(answer) < 32:
        answer += await stream.read(32 - len(answer))
    took = trio.current_time() - began
    assert answer == bytes(32)
    await stream.close()
    return took


async def identify(host: IHost, peer: ID) -> Identify:
    """What the peer says of itself."""
    stream = await host.new_stream(peer, [IDENTIFY])
    message = Identify()
    message.ParseFromString(await read_length_prefixed_protobuf(stream))
    await stream.close()
    return message


async def reaches(one: IHost, other: IHost) -> bool:
    """Whether a connection comes about and lives: who is refused late learns it only then."""
    try:
        await dial_peer(one, address(other))
        await ping(one, other.get_id())
    except (Unreachable, BaseLibp2pError):
        await one.disconnect(other.get_id())
        return False
    return True
