"""The encrypted channel against plain sockets and Python's TLS 1.3; its handshake against `noiseprotocol`.

Two processes on loopback, the far one answers. All three go through the same harness, in turns, over many short rounds,
and their medians are compared: first over blocking sockets, then over trio streams. TLS is mutual, with certificates
made here. Ratios say how many times better than the peer the channel is, so `round_trip_ratio` 0.67 is 1.5 times
TLS's round trip.
"""

import argparse
import datetime
import json
import multiprocessing
import os
import socket
import ssl
import statistics
import struct
import tempfile
import time
import warnings
from functools import partial
from pathlib import Path

import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from noise.connection import Keypair, NoiseConnection

from strata.mesh import Roster, dial, serve
from strata.secure import Channel, Identity, Membership, ReplayCache, Suite, preferred_suite
from strata.secure.noise import HandshakeState

KINDS = ("plain", "tls", "ours")
ECHO, SINK, STOP = range(3)
COMMAND = struct.Struct(">III")  # what to do, how often, bytes of each message
MIB = 1 << 20
CORES = os.sched_getaffinity(0)


class Credentials:
    """Both sides' keys, for TLS and for the channel."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.identities = {"near": Identity.generate(), "far": Identity.generate()}
        owner = self.identities["near"]
        self.membership = Membership.found(owner)
        for name, identity in self.identities.items():
            self.membership = self.membership.with_member(identity.card, name)
            key = ec.generate_private_key(ec.SECP256R1())
            subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
            now = datetime.datetime.now(datetime.UTC)
            certificate = (
                x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
                .not_valid_before(now - datetime.timedelta(hours=1))
                .not_valid_after(now + datetime.timedelta(hours=1))
                .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
                .sign(key, hashes.SHA256())
            )
            pem = serialization.Encoding.PEM
            private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            (folder / f"{name}.pem").write_bytes(private + certificate.public_bytes(pem))

    def tls(self, side: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if side == "near" else ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(self.folder / f"{side}.pem")
        context.load_verify_locations(self.folder / ("far.pem" if side == "near" else "near.pem"))
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def channel(self, side: str) -> Channel:
        identity = self.identities[side]
        if side == "near":
            return Channel.initiator(identity, self.membership, self.identities["far"].peer_id)
        return Channel.responder(identity, lambda: self.membership, ReplayCache())


class SocketStream:
    """Messages of known size over a blocking socket, plain or TLS."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.send = connection.sendall
        self.buffer = memoryview(bytearray(MIB))

    def receive(self, size: int) -> memoryview:
        filled, buffer, recv_into = 0, self.buffer, self.connection.recv_into
        while filled < size:
            filled += recv_into(buffer[filled:size])
        return buffer[:size]


class ChannelStream:
    """The channel over a blocking socket."""

    def __init__(self, connection: socket.socket, channel: Channel) -> None:
        self.connection, self.channel = connection, channel
        while channel.next_event() is None:
            connection.sendall(channel.outgoing())
            channel.received(connection.recv_into(channel.receive_buffer()))
        connection.sendall(channel.outgoing())

    def send(self, data: bytes | memoryview) -> None:
        for view in self.channel.send(data):
            self.connection.sendall(view)

    def receive(self, size: int) -> memoryview:
        channel = self.channel
        while (event := channel.next_event()) is None:
            channel.received(self.connection.recv_into(channel.receive_buffer()))
        return event


def open_stream(kind: str, connection: socket.socket, credentials: Credentials, side: str):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if kind == "ours":
        return ChannelStream(connection, credentials.channel(side))
    if kind == "tls":
        near = side == "near"
        connection = credentials.tls(side).wrap_socket(
            connection, server_side=not near, server_hostname="far" if near else None
        )
    return SocketStream(connection)


def place(far_processes: list[int], *, together: bool) -> None:
    """Put both sides on one core, or each on its own.

    Round trips are taken together: they are then the work of both sides, and not the wake-up of an idle core, which
    would hide the differences. Throughput is taken apart, so that both sides work at once.
    """
    cores = sorted(CORES)
    os.sched_setaffinity(0, {cores[0]})
    for pid in far_processes:
        os.sched_setaffinity(pid, {cores[0 if together else -1]})


def answer(kind: str, listener: socket.socket, credentials: Credentials) -> None:
    """The far process: obey commands until told to stop."""
    stream = open_stream(kind, listener.accept()[0], credentials, "far")
    while True:
        what, count, size = COMMAND.unpack(stream.receive(COMMAND.size))
        if what == STOP:
            return
        for _ in range(count):
            data = stream.receive(size)
            if what == ECHO:
                stream.send(data)
        if what == SINK:
            stream.send(b"done")


def blocking(credentials: Credentials, rounds: int, echoes: int, records: int) -> dict[str, dict[str, float]]:
    """Medians of seconds a round trip of 8 KiB and MiB/s of 1 MiB messages, by kind."""
    context = multiprocessing.get_context("fork")
    streams, processes = {}, []
    for kind in KINDS:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            process = context.Process(target=answer, args=(kind, listener, credentials), daemon=True)
            process.start()
            processes.append(process)
            connection = socket.create_connection(listener.getsockname())
            streams[kind] = open_stream(kind, connection, credentials, "near")
    small, large = os.urandom(8192), os.urandom(MIB)
    times = {kind: ([], []) for kind in KINDS}
    pids = [process.pid for process in processes]
    for _ in range(rounds):
        place(pids, together=True)
        for kind, stream in streams.items():
            stream.send(COMMAND.pack(ECHO, echoes + 1, len(small)))
            stream.send(small)
            stream.receive(len(small))
            start = time.perf_counter()
            for _ in range(echoes):
                stream.send(small)
                stream.receive(len(small))
            times[kind][0].append((time.perf_counter() - start) / echoes)
        place(pids, together=False)
        for kind, stream in streams.items():
            stream.send(COMMAND.pack(SINK, records, len(large)))
            start = time.perf_counter()
            for _ in range(records):
                stream.send(large)
            stream.receive(4)
            times[kind][1].append(records / (time.perf_counter() - start))
    for stream, process in zip(streams.values(), processes, strict=True):
        stream.send(COMMAND.pack(STOP, 0, 0))
        process.join()
    return medians(times)


def medians(times: dict[str, tuple[list[float], list[float]]]) -> dict[str, dict[str, float]]:
    return {
        kind: {"round_trip": statistics.median(trips), "throughput": statistics.median(rates)}
        for kind, (trips, rates) in times.items()
    }


class TrioStream:
    """Messages of known size over a trio stream, plain or TLS."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.send = stream.send_all

    async def receive(self, size: int) -> bytearray:
        data = bytearray()
        while len(data) < size:
            data += await self.stream.receive_some(size - len(data))
        return data


class LinkStream:
    """A link of the mesh."""

    def __init__(self, link) -> None:
        self.send = link.send
        self.link = link

    async def receive(self, size: int) -> memoryview:
        return await self.link.receive()


async def answer_trio(credentials: Credentials, ports) -> None:
    async def obey(stream) -> None:
        while True:
            what, count, size = COMMAND.unpack(await stream.receive(COMMAND.size))
            if what == STOP:
                nursery.cancel_scope.cancel()
                return
            for _ in range(count):
                data = await stream.receive(size)
                if what == ECHO:
                    await stream.send(data)
            if what == SINK:
                await stream.send(b"done")

    async def handle_plain(stream) -> None:
        await obey(TrioStream(stream))

    async def handle_tls(stream) -> None:
        await obey(TrioStream(trio.SSLStream(stream, credentials.tls("far"), server_side=True)))

    async def handle_link(link) -> None:
        await obey(LinkStream(link))

    async with trio.open_nursery() as nursery:
        found = {}
        for kind, handler in (("plain", handle_plain), ("tls", handle_tls)):
            listeners = await nursery.start(partial(trio.serve_tcp, handler, 0, host="127.0.0.1"))
            found[kind] = listeners[0].socket.getsockname()[1]
        identity, roster = credentials.identities["far"], Roster(credentials.membership)
        found["ours"] = await nursery.start(serve, identity, roster, handle_link)
        ports.send(found)


async def ask_trio(
    credentials: Credentials, far_process: int, ports: dict[str, int], rounds: int, echoes: int, records: int
) -> dict[str, dict[str, float]]:
    near, far = credentials.identities["near"], credentials.identities["far"]
    plain = await trio.open_tcp_stream("127.0.0.1", ports["plain"])
    secure = await trio.open_tcp_stream("127.0.0.1", ports["tls"])
    link = await dial(near, Roster(credentials.membership), far.peer_id, f"127.0.0.1:{ports['ours']}")
    streams = {
        "plain": TrioStream(plain),
        "tls": TrioStream(trio.SSLStream(secure, credentials.tls("near"), server_hostname="far")),
        "ours": LinkStream(link),
    }
    small, large = os.urandom(8192), os.urandom(MIB)
    times = {kind: ([], []) for kind in KINDS}
    for _ in range(rounds):
        place([far_process], together=True)
        for kind, stream in streams.items():
            await stream.send(COMMAND.pack(ECHO, echoes + 1, len(small)))
            await stream.send(small)
            await stream.receive(len(small))
            start = time.perf_counter()
            for _ in range(echoes):
                await stream.send(small)
                await stream.receive(len(small))
            times[kind][0].append((time.perf_counter() - start) / echoes)
        place([far_process], together=False)
        for kind, stream in streams.items():
            await stream.send(COMMAND.pack(SINK, records, len(large)))
            start = time.perf_counter()
            for _ in range(records):
                await stream.send(large)
            await stream.receive(4)
            times[kind][1].append(records / (time.perf_counter() - start))
    await streams["plain"].send(COMMAND.pack(STOP, 0, 0))
    return medians(times)


def over_trio(credentials: Credentials, rounds: int, echoes: int, records: int) -> dict[str, dict[str, float]]:
    context = multiprocessing.get_context("fork")
    near, far = context.Pipe()
    process = context.Process(target=trio.run, args=(answer_trio, credentials, far), daemon=True)
    process.start()
    results = trio.run(ask_trio, credentials, process.pid, near.recv(), rounds, echoes, records)
    process.join()
    return results


def shake_ours(statics: list[X25519PrivateKey], remote: bytes) -> None:
    initiator = HandshakeState(Suite.AESGCM_SHA256, statics[0], remote_static=remote)
    responder = HandshakeState(Suite.AESGCM_SHA256, statics[1])
    responder.read_message(initiator.write_message())
    initiator.read_message(responder.write_message())
    responder.read_message(initiator.write_message())
    assert initiator.split() == responder.split()


def shake_theirs(statics: list[bytes], remote: bytes) -> None:
    sides = [NoiseConnection.from_name(Suite.AESGCM_SHA256.noise_name) for _ in statics]
    for side, static in zip(sides, statics, strict=True):
        side.set_keypair_from_private_bytes(Keypair.STATIC, static)
    sides[0].set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, remote)
    sides[0].set_as_initiator()
    sides[1].set_as_responder()
    for side in sides:
        side.start_handshake()
    sides[1].read_message(sides[0].write_message())
    sides[0].read_message(sides[1].write_message())
    sides[1].read_message(sides[0].write_message())
    assert sides[0].handshake_finished
    assert sides[1].handshake_finished


def shake_channels(credentials: Credentials) -> None:
    near, far = credentials.channel("near"), credentials.channel("far")
    events = [None, None]
    while None in events:
        for side, (mine, other) in enumerate(((near, far), (far, near))):
            events[side] = events[side] or mine.next_event()
            data = mine.outgoing()
            if data:
                other.receive_buffer()[: len(data)] = data
                other.received(len(data))


def handshakes(credentials: Credentials, rounds: int, each: int = 50) -> dict[str, float]:
    """Handshakes a second, both sides in one thread: bare Noise, `noiseprotocol`'s, and ours with all its checks."""
    statics = [X25519PrivateKey.generate(), X25519PrivateKey.generate()]
    raw = [key.private_bytes_raw() for key in statics]
    remote = statics[1].public_key().public_bytes_raw()
    tasks = {
        "ours": partial(shake_ours, statics, remote),
        "noiseprotocol": partial(shake_theirs, raw, remote),
        "channel": partial(shake_channels, credentials),
    }
    rates: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            start = time.perf_counter()
            for _ in range(each):
                task()
            rates[name].append(each / (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in rates.items()}


def table(title: str, results: dict[str, dict[str, float]]) -> None:
    print(f"{title:<18}{'8 KiB round trip':>18}{'1 MiB records':>18}")
    for kind, values in results.items():
        print(f"  {kind:<16}{values['round_trip'] * 1e6:>15.1f} us{values['throughput']:>12.0f} MiB/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        credentials = Credentials(Path(folder))
        sockets = blocking(credentials, rounds, echoes=300, records=48)
        os.sched_setaffinity(0, CORES)
        streams = over_trio(credentials, rounds, echoes=100, records=24)
        os.sched_setaffinity(0, CORES)
        shakes = handshakes(credentials, rounds)
    print(f"channel suite: {preferred_suite().noise_name.decode()}; TLS 1.3: Python's default, mutual certificates")
    table("blocking sockets", sockets)
    table("trio", streams)
    print("handshakes a second, both sides: " + ", ".join(f"{name} {rate:.0f}" for name, rate in shakes.items()))
    ours, tls, plain = sockets["ours"], sockets["tls"], sockets["plain"]
    result = {
        "name": "channel",
        "ours": round(ours["throughput"], 1),
        "peer": round(tls["throughput"], 1),
        "unit": "MiB/s of 1 MiB records",
        "ratio": round(ours["throughput"] / tls["throughput"], 3),
        "limit": round(plain["throughput"], 1),
        "round_trip_us": round(ours["round_trip"] * 1e6, 2),
        "round_trip_us_tls": round(tls["round_trip"] * 1e6, 2),
        "round_trip_us_plain": round(plain["round_trip"] * 1e6, 2),
        "round_trip_ratio": round(tls["round_trip"] / ours["round_trip"], 3),
        "trio_ratio": round(streams["ours"]["throughput"] / streams["tls"]["throughput"], 3),
        "trio_round_trip_ratio": round(streams["tls"]["round_trip"] / streams["ours"]["round_trip"], 3),
        "handshakes": round(shakes["ours"]),
        "handshakes_noiseprotocol": round(shakes["noiseprotocol"]),
        "handshakes_channel": round(shakes["channel"]),
        "handshake_ratio": round(shakes["ours"] / shakes["noiseprotocol"], 3),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork, while no thread runs
        main()
