"""Messages between two hosts of libp2p, in our channel and in libp2p's own; beside them plain sockets and the cipher.

Two processes on loopback. Both hosts go through the same harness and libp2p's own streams, in turns over several
rounds, and their medians are compared: 1 KiB messages written one by one, MiB/s of 64 KiB writes on one stream and on
eight, dials (a connection and a ping), and the 99th percentile of round trips of 1 KiB and of one-way delays at an even
rate. The direct bulk path (`strata.mesh.Link`) is measured beside, and so is our host with LIBP2P_PERFORMANCE_OPT off
(`apart`), which joins no messages. Ratios above 1 mean that we are better.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import time
from contextlib import asynccontextmanager

import libp2p
import trio
from libp2p.crypto.ed25519 import Ed25519PrivateKey
from libp2p.crypto.keys import KeyPair
from libp2p.peer.peerinfo import info_from_p2p_addr
from multiaddr import Multiaddr
from support.traffic import BLOCK, KINDS, SIZE, Net, Plain, answer, count, echo, percentile, stamp

from strata.mesh import Link, LinkClosed, Roster, dial, open_host, serve
from strata.secure import Channel, Identity, Membership, ReplayCache

NEAR, FAR = Identity.generate(), Identity.generate()
MESH = Membership.found(NEAR).with_member(NEAR.card, "near").with_member(FAR.card, "far")
MIB = 1 << 20
LATENCIES = ("p50_round_trip", "p99_round_trip", "p99_one_way")  # of these, less is better
PER_SECOND = 500  # messages at an even rate: well below what the slower one can do


def protocol(kind: str) -> str:
    return f"/bench/{kind}/1"


@asynccontextmanager
async def stock_host(identity: Identity):
    private_key = Ed25519PrivateKey.from_bytes(identity.signing_seed)
    host = libp2p.new_host(key_pair=KeyPair(private_key, private_key.get_public_key()))
    async with host.run([Multiaddr("/ip4/127.0.0.1/tcp/0")]):
        yield host


def host_of(peer: str, identity: Identity):
    if peer == "stock":
        return stock_host(identity)
    return open_host(identity, Roster(MESH), enhanced=lambda _: peer == "ours")


def far(peer: str, pipe) -> None:
    """The far process: answer until the pipe is closed."""

    async def hosted() -> None:
        async with host_of(peer, FAR) as host:
            for kind in KINDS:
                host.set_stream_handler(protocol(kind), lambda stream, kind=kind: answer(kind, Net(stream)))
            pipe.send(str(host.get_addrs()[0]))
            await trio.to_thread.run_sync(ended, pipe, abandon_on_cancel=True)
            os._exit(0)  # a stock host takes seconds to close, if it does

    async def plain() -> None:
        async def attend(stream: trio.SocketStream) -> None:
            await answer(KINDS[(await stream.receive_some(1))[0]], Plain(stream))

        async def swallow(link: Link) -> None:
            taken = 0
            try:
                while record := await link.receive():
                    taken += len(record)
                    if record[:1] == b"e":
                        await link.send(b"done")
            except LinkClosed:
                pass

        async with trio.open_nursery() as nursery:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            nursery.start_soon(trio.serve_listeners, attend, listeners)
            port = await nursery.start(lambda task_status: serve(FAR, Roster(MESH), swallow, task_status=task_status))
            pipe.send((listeners[0].socket.getsockname()[1], port))
            await trio.to_thread.run_sync(ended, pipe, abandon_on_cancel=True)
            os._exit(0)

    trio.run(plain if peer == "plain" else hosted)


def ended(pipe) -> None:
    try:
        pipe.recv()
    except EOFError:
        return


async def hosted_round(peer: str, address: str, sizes: argparse.Namespace) -> dict[str, float]:
    """One round of all figures between a new host here and the far one."""
    async with host_of(peer, NEAR) as host:
        info = info_from_p2p_addr(Multiaddr(address))
        dials = []
        for _ in range(sizes.dials):
            began = time.perf_counter()
            await host.connect(info)
            stream = Net(await host.new_stream(info.peer_id, [protocol("echo")]))
            await echo(stream, 1)
            dials.append(time.perf_counter() - began)
            await host.disconnect(info.peer_id)
        await host.connect(info)

        async def opened(kind: str) -> Net:
            return Net(await host.new_stream(info.peer_id, [protocol(kind)]))

        return {"dials": 1 / statistics.median(dials), **await figures(opened, sizes, peer == "stock")}


async def figures(opened, sizes: argparse.Namespace, few: bool) -> dict[str, float]:
    messages = sizes.messages // (8 if few else 1)  # the rate is what counts, not how long it takes
    mebibytes = sizes.mebibytes // (2 if few else 1)

    async def counting():
        return await opened("count")

    await count(counting, 1, 200, bytes(SIZE))  # windows have grown, caches are warm
    trips = await echo(await opened("echo"), sizes.echoes)
    return {
        "messages": await count(counting, 1, messages, bytes(SIZE)) / SIZE,
        "one_stream": await count(counting, 1, mebibytes * 16, BLOCK) / MIB,
        "eight_streams": await count(counting, 8, mebibytes * 2, BLOCK) / MIB,
        "p50_round_trip": percentile(trips, 0.5),
        "p99_round_trip": percentile(trips, 0.99),
        "p99_one_way": await stamp(await opened("stamp"), sizes.stamps, PER_SECOND),
    }


async def plain_round(ports: tuple[int, int], sizes: argparse.Namespace) -> dict[str, float]:
    async def opened(kind: str) -> Plain:
        stream = await trio.open_tcp_stream("127.0.0.1", ports[0])
        await stream.send_all(bytes([KINDS.index(kind)]))
        return Plain(stream)

    link = await dial(NEAR, Roster(MESH), FAR.peer_id, f"127.0.0.1:{ports[1]}")
    record = bytes(MIB)
    began = time.perf_counter()
    for _ in range(sizes.mebibytes):
        await link.send(record)
    await link.send(b"end")
    await link.receive()
    rate = sizes.mebibytes / (time.perf_counter() - began)
    await link.aclose()
    return {"link": rate, **await figures(opened, sizes, few=False)}


def cipher(size: int, seconds: float = 0.3) -> float:
    """Bytes a second that one side of a channel encrypts, without a socket."""
    near = Channel.initiator(NEAR, MESH, FAR.peer_id)
    there = Channel.responder(FAR, lambda: MESH, ReplayCache())
    for sender, receiver in ((near, there), (there, near)) * 2:
        data = sender.outgoing()
        receiver.receive_buffer()[: len(data)] = data
        receiver.received(len(data))
        receiver.next_event()
    message, sent, began = bytes(size), 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        for _ in near.send(message):
            pass
        sent += size
    return sent / (time.perf_counter() - began)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--messages", type=int, default=40_000)
    options.add_argument("--mebibytes", type=int, default=128)
    options.add_argument("--dials", type=int, default=10)
    options.add_argument("--echoes", type=int, default=1_000)
    options.add_argument("--stamps", type=int, default=1_000)
    sizes = options.parse_args()

    context = multiprocessing.get_context("fork")
    where, pipes = {}, []
    for peer in ("plain", "stock", "apart", "ours"):
        near, there = context.Pipe()
        context.Process(target=far, args=(peer, there), daemon=True).start()
        where[peer] = near.recv()
        pipes.append(near)
    rounds: dict[str, list[dict[str, float]]] = {peer: [] for peer in where}
    for _ in range(sizes.rounds):
        for peer, place in where.items():
            one = (plain_round, place) if peer == "plain" else (hosted_round, peer, place)
            rounds[peer].append(trio.run(*one, sizes))
    for pipe in pipes:
        pipe.close()

    result = {
        peer: {name: statistics.median(one[name] for one in some) for name in some[0]} for peer, some in rounds.items()
    }
    ours, stock = result["ours"], result["stock"]
    ratios = {name: stock[name] / ours[name] if name in LATENCIES else ours[name] / stock[name] for name in ours}
    print(f"{'':16}{'ours':>12}{'stock':>12}{'ratio':>8}{'plain':>12}")
    for name, ratio in ratios.items():
        scale, unit = (1e3, "ms") if name in LATENCIES else (1, "")
        beside = result["plain"].get(name)
        print(
            f"{name:16}{ours[name] * scale:12.1f}{stock[name] * scale:12.1f}{ratio:8.2f}"
            f"{'' if beside is None else f'{beside * scale:12.1f}'} {unit}"
        )
    sealed = {"messages": cipher(SIZE) / SIZE, "one_stream": cipher(len(BLOCK)) / MIB}
    print(f"cipher alone: {sealed['messages']:.0f} messages/s, {sealed['one_stream']:.0f} MiB/s of 64 KiB")
    joined = {name: ours[name] / result["apart"][name] for name in ("messages", "eight_streams")}
    gained = ", ".join(f"{name} {ratio:.2f}" for name, ratio in joined.items())
    print(f"joined by apart: {gained}")
    print(f"bulk path (Link), 1 MiB records: {result['plain']['link']:.0f} MiB/s")
    print(
        json.dumps(
            {
                "name": "messages",
                "ours": ours["messages"],
                "peer": stock["messages"],
                "unit": "1 KiB messages a second on one stream",
                "ratio": ratios["messages"],
                "limit": sealed["messages"],
                "peer_name": f"libp2p {libp2p.__version__}, /noise and /yamux/1.0.0",
                "ratios": ratios,
                "joined_by_apart": joined,
                "figures": result,
                "cipher": sealed,
            }
        )
    )


if __name__ == "__main__":
    main()
