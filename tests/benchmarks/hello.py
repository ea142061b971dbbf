"""What the ECH-style hello costs a dial, against the same channel without it; and what time tells of the target.

The far side is one process that listens in all ways: bare TCP (which answers one byte with one byte), the bare Noise XK
channel, the hello, and a front with two members behind it. Dials go in turns, many short rounds, and medians are
compared; each is from nothing to the listener's word that it accepts. Through a front each round dials both targets,
who are dialled in no other way, and a coin says whom first: slow moments, which a program has at the same places in
each run, fall to both alike. The time that each took is looked at as an observer would: `auc` is the chance that a dial
to one takes longer than a dial to the other (0.5 says nothing); its p-value is of the differences within the rounds,
whose signs the coin makes by chance alone if time says nothing (Wilcoxon's signed-rank test).
"""

import argparse
import json
import multiprocessing
import random
import secrets
import statistics
import time
from functools import partial

import numpy as np
import trio
from scipy.stats import mannwhitneyu, wilcoxon

from strata.mesh import Link, Roster, dial, serve
from strata.secure import MLKEM768_X25519, Channel, EchKeys, Identity, Membership, ReplayCache

TARGETS = ("one", "other")  # behind the front
NAMES = ("near", "far", "front", *TARGETS)
WAYS = ("tcp", "bare", "grease", "true")


async def hold(link):
    await link.receive()


async def listen(identities, membership, kem_id, ports):
    """Listen in all ways, and say where."""

    async def bare(stream):
        replays = ReplayCache()
        link = Link(
            stream.socket, Channel.responder(identities["far"], lambda: membership, replays), Roster(membership)
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
        for name in ("far", *TARGETS, "front"):  # which is to know the addresses of the others
            serving = partial(serve, identities[name], Roster(membership), hold, fronting=name == "front")
            found[name] = await nursery.start(partial(serving, keys=EchKeys(kem_id=kem_id)))
            membership = membership.with_member(identities[name].card, name, [f"127.0.0.1:{found[name]}"])
        ports.send(found)


async def measure(identities, membership, ports, rounds, seed):
    """Milliseconds of each way's dials, and of those through the front by target, in order of the rounds."""
    near, far = identities["near"], identities["far"]
    known, times = Roster(membership), {way: [] for way in (*WAYS, *TARGETS)}
    address = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    coin = random.Random(seed)

    async def through(way):
        if way == "tcp":
            stream = await trio.open_tcp_stream("127.0.0.1", ports["tcp"])
            await stream.send_all(b"x")
            await stream.receive_some(1)
            return stream
        if way == "bare":
            stream = await trio.open_tcp_stream("127.0.0.1", ports["bare"])
            link = Link(stream.socket, Channel.initiator(near, membership, far.peer_id), known)
            await link.establish()
            return link
        if way in TARGETS:
            front = identities["front"].peer_id
            return await dial(near, known, identities[way].peer_id, address["front"], front=front)
        return await dial(near, Roster(membership) if way == "grease" else known, far.peer_id, address["far"])

    for way in times:  # configs are fetched, code is loaded
        for _ in range(3):
            await (await through(way)).aclose()
    for _ in range(rounds):
        for way in (*WAYS, *(TARGETS if coin.random() < 0.5 else reversed(TARGETS))):
            start = time.perf_counter()
            connection = await through(way)
            times[way].append(1e3 * (time.perf_counter() - start))
            await connection.aclose()
    return times


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=400)
    options.add_argument("--seed", type=int, help="of the coin; drawn if not given")
    arguments = options.parse_args()
    seed = secrets.randbits(32) if arguments.seed is None else arguments.seed
    identities = {name: Identity.generate() for name in NAMES}
    membership = Membership.found(identities["near"])
    for name, identity in identities.items():
        membership = membership.with_member(identity.card, name)
    context = multiprocessing.get_context("fork")
    near, far = context.Pipe()
    process = context.Process(target=trio.run, args=(listen, identities, membership, MLKEM768_X25519, far), daemon=True)
    process.start()
    times = trio.run(measure, identities, membership, near.recv(), arguments.rounds, seed)
    process.kill()
    one, other = (np.array(times.pop(target)) for target in TARGETS)
    times["front"] = [*one, *other]
    medians = {way: statistics.median(each) for way, each in times.items()}
    auc = float(mannwhitneyu(one, other).statistic) / (len(one) * len(other))
    p = float(wilcoxon(one - other).pvalue)
    for way, each in times.items():
        print(f"{way:8}{medians[way]:7.3f} ms a dial, p95 {np.percentile(each, 95):7.3f}")
    print(f"time of dials through the front: auc {auc:.3f}, p = {p:.3f}, {len(times['front'])} dials")
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
        "p_of_times": p,
        "seed": seed,
        "rounds": arguments.rounds,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
