"""What the ECH-style hello costs a dial, against the same channel without it; and what time tells of the target.

The far side is one process that listens in all ways: bare TCP (which answers one byte with one byte), the bare Noise XK
channel, the hello, and a front with two members behind it. Dials go in turns, many short rounds, and medians are
compared; each is from nothing to the listener's word that it accepts. Through a front the two targets are dialled in
random order, and the time that each took is looked at as an observer would: `auc` is the chance that a dial to one
takes longer than a dial to the other (0.5 says nothing), with its p-value under the hypothesis that it says nothing.
"""

import argparse
import json
import multiprocessing
import random
import statistics
import time
from functools import partial

import numpy as np
import trio
from scipy.stats import mannwhitneyu

from strata.mesh import Link, Roster, dial, serve
from strata.secure import MLKEM768_X25519, Channel, EchKeys, Identity, Membership, ReplayCache

NAMES = ("near", "front", "one", "other")
WAYS = ("tcp", "bare", "grease", "true", "front")


async def hold(link):
    await link.receive()


async def listen(identities, membership, kem_id, ports):
    """Listen in all ways, and say where."""

    async def bare(stream):
        replays = ReplayCache()
        link = Link(
            stream.socket, Channel.responder(identities["one"], lambda: membership, replays), Roster(membership)
        )
        await link.establish()
        await stream.receive_some(1)

    async def tcp(stream):
        await stream.send_all(await stream.receive_some(1))
        await stream.receive_some(1)

    async with trio.open_nursery() as nursery:
        found = {}
        for name, handler in (("tcp", tcp), ("bare", bare)):
            listeners = await nursery.start(partial(trio.serve_tcp, handler, 0, host="127.0.0.1"))
            found[name] = listeners[0].socket.getsockname()[1]
        for name in ("one", "other", "front"):
            serving = partial(serve, identities[name], Roster(membership), hold, fronting=name == "front")
            found[name] = await nursery.start(partial(serving, keys=EchKeys(kem_id=kem_id)))
            membership = membership.with_member(identities[name].card, name, [f"127.0.0.1:{found[name]}"])
        ports.send(found)


async def measure(identities, membership, ports, rounds, seed):
    """Milliseconds of each way's dials, and those through the front by target."""
    near, one = identities["near"], identities["one"]
    known, times, by_target = Roster(membership), {way: [] for way in WAYS}, {"one": [], "other": []}
    address = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    chance = random.Random(seed)

    async def through(way):
        if way == "tcp":
            stream = await trio.open_tcp_stream("127.0.0.1", ports["tcp"])
            await stream.send_all(b"x")
            await stream.receive_some(1)
            return stream
        if way == "bare":
            stream = await trio.open_tcp_stream("127.0.0.1", ports["bare"])
            link = Link(stream.socket, Channel.initiator(near, membership, one.peer_id), known)
            await link.establish()
            return link
        if way == "front":
            target = chance.choice(("one", "other"))
            start = time.perf_counter()
            link = await dial(
                near, known, identities[target].peer_id, address["front"], front=identities["front"].peer_id
            )
            by_target[target].append(time.perf_counter() - start)
            return link
        return await dial(near, Roster(membership) if way == "grease" else known, one.peer_id, address["one"])

    for way in WAYS:  # configs are fetched, code is loaded
        for _ in range(3):
            await (await through(way)).aclose()
    for each in by_target.values():
        each.clear()
    for _ in range(rounds):
        for way in WAYS:
            start = time.perf_counter()
            connection = await through(way)
            times[way].append(1e3 * (time.perf_counter() - start))
            await connection.aclose()
    return times, by_target


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=400)
    options.add_argument("--seed", type=int, default=6)
    arguments = options.parse_args()
    identities = {name: Identity.generate() for name in NAMES}
    membership = Membership.found(identities["near"])
    for name, identity in identities.items():
        membership = membership.with_member(identity.card, name)
    context = multiprocessing.get_context("fork")
    near, far = context.Pipe()
    process = context.Process(target=trio.run, args=(listen, identities, membership, MLKEM768_X25519, far), daemon=True)
    process.start()
    times, by_target = trio.run(measure, identities, membership, near.recv(), arguments.rounds, arguments.seed)
    process.kill()
    medians = {way: statistics.median(each) for way, each in times.items()}
    test = mannwhitneyu(by_target["one"], by_target["other"])
    auc = test.statistic / (len(by_target["one"]) * len(by_target["other"]))
    for way, each in times.items():
        print(f"{way:8}{medians[way]:7.3f} ms a dial, p95 {np.percentile(each, 95):7.3f}")
    print(f"time of dials through the front: auc {auc:.3f}, p = {test.pvalue:.3f}, {len(times['front'])} dials")
    result = {
        "name": "hello",
        "ours": medians["true"],
        "peer": medians["bare"],
        "peer_name": "the same Noise XK channel without the hello",
        "unit": "ms a dial",
        "ratio": medians["bare"] / medians["true"],
        "limit": medians["tcp"],
        "limit_name": "a TCP connection and one byte each way",
        "grease": medians["grease"],
        "through_front": medians["front"],
        "auc_of_times": auc,
        "p_of_times": float(test.pvalue),
        "rounds": arguments.rounds,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
