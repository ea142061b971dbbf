"""Requests answered while nodes die, freeze and are cut off: the share with exactly the tokens of an undisturbed run.

Six encrypted local nodes, four of which hold the layers. At random (seeded) moments in the middle of an answer a random
node is killed (and started again by its supervisor), stopped (SIGSTOP, for some seconds) or cut off (a relay in front
of it forwards nothing, for some seconds, and tells nobody). At most two nodes are away at a time. The peer is what the
same requests would have come to without failover: the share of answers in which nothing failed. Recovery time is from
the last token before a failure to the next one, and is also given by what happened to the node that was given up
("nothing": it was there, only slow). All nodes share this machine's cores with each other and with the nodes
that start again, so the times are longer than on machines of their own. Ctrl-C, or SIGTERM, reports on the requests so
far.
"""

import argparse
import json
import os
import random
import signal
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import trio
from rich.progress import track
from support.relay import Relay, put_relays

from strata.inference import (
    Checkpoint,
    Coordinator,
    GenerationParams,
    LocalCluster,
    Plan,
    RecordedFailures,
    StageFailed,
    balanced_plan,
    generate_baseline,
    profile_model,
    resolve_model,
)
from strata.mesh import Roster, read_membership
from strata.secure import Identity
from strata.settings import Settings
from strata.store import IncidentLog

NODES, STAGES = 6, 4
AWAY = 2
AWAY_SECONDS = 6.0
HANG_SECONDS = 120.0
KINDS = ("killed", "stopped", "cut off")
EXACT_GOAL, MEDIAN_GOAL, P99_GOAL = 0.999, 1.0, 5.0
PROMPTS = [
    "Tell me a story about a boat.",
    "Why is the sky blue?",
    "List three colours of the rainbow.",
    "What is a mesh?",
    "Write a line about winter.",
    "Say something kind.",
    "How do bees find their way?",
    "What is the sea made of?",
]


@dataclass
class Chaos:
    """Who is away, and how to make it so."""

    cluster: LocalCluster
    relays: dict[str, Relay]
    nursery: trio.Nursery
    choose: random.Random
    done: Counter[str]
    away: set[str] = field(default_factory=set)
    struck: dict[str, str] = field(default_factory=dict)

    def strike(self) -> None:
        """Have something happen to a node that is there, if enough are."""
        if len(self.away) >= AWAY:
            return
        name = self.choose.choice([node.name for node in self.cluster.nodes if node.name not in self.away])
        kind = self.choose.choice(KINDS)
        self.away.add(name)
        self.struck[name] = kind
        self.done[kind] += 1
        process = next(node.process for node in self.cluster.nodes if node.name == name)
        if kind == "killed":
            process.kill()
            self.nursery.start_soon(self._restart, name)
        elif kind == "stopped":
            process.send_signal(signal.SIGSTOP)
            self.nursery.start_soon(self._later, name, lambda: process.send_signal(signal.SIGCONT))
        else:
            self.relays[name].cut()
            self.nursery.start_soon(self._later, name, self.relays[name].mend)

    async def _restart(self, name: str) -> None:
        await trio.to_thread.run_sync(self.cluster.restart, name)
        self.away.discard(name)

    async def _later(self, name: str, undo: Callable[[], None]) -> None:
        await trio.sleep(AWAY_SECONDS)
        undo()
        self.away.discard(name)


@dataclass
class Tally:
    """What came of the requests."""

    asked: int = 0
    exact: int = 0
    untouched: int = 0
    wrong: int = 0
    failed: int = 0
    hung: int = 0
    recoveries: list[tuple[str, float]] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)


async def run(
    arguments: argparse.Namespace, home: Path, cluster: LocalCluster, expected: list[list[int]], tally: Tally
) -> None:
    """All requests, one after the other."""
    model = resolve_model("smollm2", Settings(STRATA_HOME=home))
    checkpoint, choose = Checkpoint.open(model), random.Random(arguments.seed)
    params = GenerationParams(max_new_tokens=arguments.tokens, stop=frozenset())
    async with trio.open_nursery() as nursery:
        relays = await put_relays(cluster, nursery)
        chaos = Chaos(cluster, relays, nursery, choose, tally.events)
        key, roster = Identity.load(cluster.identity_file), Roster(read_membership(cluster.mesh_file))
        with IncidentLog(Settings(STRATA_HOME=home).ledger) as log:
            watcher = RecordedFailures(log)
            async with Coordinator.connect(key, roster, home, cluster.mesh_file.read_bytes()) as coordinator:
                inventory = await coordinator.inventory()
                plan: Plan = balanced_plan(profile_model(model, "float32"), inventory[:STAGES], context=128)
                await coordinator.distribute(checkpoint, plan)
                for index in track(range(arguments.requests), description="requests", disable=not sys.stderr.isatty()):
                    tally.asked = index
                    if index and index % 50 == 0 and not sys.stderr.isatty():
                        print(tally, file=sys.stderr, flush=True)
                    number = choose.randrange(len(PROMPTS))
                    strike_at = choose.randrange(arguments.tokens) if choose.random() < arguments.rate else -1
                    pieces = 0

                    def on_text(row: int, piece: str, strike_at: int = strike_at) -> None:
                        nonlocal pieces
                        if pieces == strike_at:
                            chaos.strike()
                        pieces += 1

                    try:
                        with trio.fail_after(HANG_SECONDS):
                            result = await coordinator.generate(
                                checkpoint, plan, [PROMPTS[number]], params, on_text, watcher=watcher
                            )
                    except trio.TooSlowError:
                        tally.hung += 1
                        continue
                    except StageFailed as error:
                        tally.failed += 1
                        print(f"NOT ANSWERED: {error}", file=sys.stderr)
                        continue
                    if result.token_ids == [expected[number]]:
                        tally.exact += 1
                        tally.untouched += not result.recoveries
                    else:
                        tally.wrong += 1
                    for recovery in result.recoveries:
                        tally.recoveries.append((chaos.struck.pop(recovery.node, "nothing"), recovery.seconds))
                    tally.reasons.update(recovery.reason for recovery in result.recoveries)
                tally.asked = arguments.requests
        nursery.cancel_scope.cancel()


def summary(times: Sequence[float]) -> dict[str, float | int | None]:
    """Median, 99th percentile and longest of times in seconds."""
    ordered = sorted(times)
    return {
        "count": len(ordered),
        "median": statistics.median(ordered) if ordered else None,
        "p99": ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))] if ordered else None,
        "longest": ordered[-1] if ordered else None,
    }


def main() -> None:
    """Measure and print; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--tokens", type=int, default=12, help="new tokens of each request")
    parser.add_argument("--rate", type=float, default=0.25, help="share of requests during which something happens")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    params = GenerationParams(max_new_tokens=arguments.tokens, stop=frozenset())
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        model = resolve_model("smollm2", Settings(STRATA_HOME=home))
        expected = [generate_baseline(model, [prompt], params).token_ids[0] for prompt in PROMPTS]
        tally = Tally()
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
        with LocalCluster(home, NODES) as cluster:
            try:
                trio.run(run, arguments, home, cluster, expected, tally)
            except* KeyboardInterrupt:
                print(f"interrupted after {tally.asked} of {arguments.requests} requests", file=sys.stderr)
    print(f"events: {dict(tally.events)}")
    for reason, count in tally.reasons.most_common():
        print(f"{count:>5} {reason}")
    if not tally.asked:
        raise SystemExit(130)
    share, without = tally.exact / tally.asked, tally.untouched / tally.asked
    times = summary([seconds for _, seconds in tally.recoveries])
    by_kind = {kind: summary([s for found, s in tally.recoveries if found == kind]) for kind in (*KINDS, "nothing")}
    report = {
        "name": "chaos",
        "ours": share,
        "peer": without,
        "unit": "share of requests answered with exactly the undisturbed tokens",
        "ratio": share / without if without else None,
        "limit": 1.0,
        "peer_name": "the same requests without failover: those in which nothing failed",
        "requests": tally.asked,
        "seed": arguments.seed,
        "wrong": tally.wrong,
        "failed": tally.failed,
        "hung": tally.hung,
        "events": dict(tally.events),
        "recovery_seconds": times,
        "recovery_seconds_by_event": by_kind,
        "met": {
            f"at least {EXACT_GOAL:.1%} exact": share >= EXACT_GOAL,
            "none hangs": tally.hung == 0,
            f"recovery median under {MEDIAN_GOAL:g} s": times["median"] is not None and times["median"] < MEDIAN_GOAL,
            f"recovery p99 under {P99_GOAL:g} s": times["p99"] is not None and times["p99"] < P99_GOAL,
        },
        "cores": os.cpu_count(),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
