"""Faults of an evolution: how each is brought about, and what tells afterwards that it became a typed outcome."""

import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strata.evolution.models import check_out, put_model
from strata.store import Incident
from support.evolved import Home
from support.small_disk import SmallDisk
from support.spoiled import write_nan, write_regressed
from support.supervised import Breeding, Event


@dataclass
class World:
    """What faults act on. extra_parents: folders that the breeding process is given beside the shipped ones, for one
    generation."""

    home: Home
    disk: SmallDisk
    scratch: Path
    shipped: Path
    random: random.Random
    founders: dict[str, str] = field(default_factory=dict)
    extra_parents: list[str] = field(default_factory=list)


@dataclass
class Seen:
    """All that is known of a generation afterwards. ends: of processes, in their own words; rollbacks as told."""

    incidents: tuple[Incident, ...]
    children: list[dict[str, Any]]
    concluded: Event
    ends: list[str]
    rollbacks: list[Mapping[str, Any]]
    history: list[tuple[str, str | None, str]]


Evidence = dict[str, Any]
_LONGEST = 100  # characters of an incident's texts that are shown


@dataclass(frozen=True)
class Fault:
    """kind: what goes wrong; name: this way of it. It strikes at `stage`, before the process goes on, or at the `start`
    of a generation; with `fresh`, after the process was ended and before it is started again.

    strike: brings it about; what it returns helps to find its outcomes, and has `went` where the process was let go on.
    outcomes: in words, none where the fault left no trace.
    """

    kind: str
    name: str
    stage: str
    strike: Callable[[World, Breeding | None, Event], Evidence]
    outcomes: Callable[[World, Evidence, Seen], list[str]]
    fresh: bool = False


def faults() -> list[Fault]:
    """Every way, several of each kind, but for kills of the flow's own process."""
    worker = Fault("killed merge worker", "SIGKILL", "proposed", _kill_worker, _failed_as("worker-killed"))
    return [
        *[worker] * 3,
        Fault("corrupt checkpoint", "a parent, before it is merged", "proposed", _corrupt_parent, _damaged, fresh=True),
        Fault("corrupt checkpoint", "a parent, between two runs", "start", _corrupt_parent, _damaged, fresh=True),
        Fault("corrupt checkpoint", "the champion, between two runs", "start", _corrupt_champion, _damaged, fresh=True),
        Fault("corrupt checkpoint", "a child", "bred", _corrupt_child, _damaged),
        Fault("corrupt checkpoint", "the search's state", "begun", _corrupt_search, _damaged),
        Fault("NaN weights", "a parent", "start", _nan_parent, _spoiled, fresh=True),
        Fault("NaN weights", "a child", "bred", _nan_child, _failed_as("examination")),
        Fault("full disk", "while children are merged", "proposed", _fill, _full),
        Fault("full disk", "when the generation is concluded", "promoted", _fill, _full),
        Fault("killed flow", "rooms, after the children were bred", "bred", _kill, _taken_up),
        Fault("killed flow", "rooms, between promotion and confirmation", "promoted", _kill, _taken_up),
        Fault("planted regression", "champion, worse in language", "start", _promote_worse("language"), _rolled_back),
        Fault("planted regression", "champion, worse in coding", "start", _promote_worse("coding"), _rolled_back),
        Fault("planted regression", "candidate, worse in reasoning", "examined", _plant_worse("reasoning"), _refused),
    ]


def _kill_worker(world: World, life: Breeding | None, _: Event) -> Evidence:
    assert life is not None
    went = not life.workers()
    if went:
        life.go()  # workers start with the first merge
        while not life.workers():
            time.sleep(0.01)
    victim = world.random.choice(life.workers())
    victim.kill()
    return {"pid": victim.pid, "went": went}


def _corrupt_parent(world: World, _life: Breeding | None, _: Event) -> Evidence:
    parent = world.founders[world.random.choice([name for name in world.founders if name != "base"])]
    world.home.corrupt(world.home.weights(parent))
    return {"subject": parent}


def _corrupt_champion(world: World, _life: Breeding | None, _: Event) -> Evidence:
    champion = world.home.champion()
    world.home.corrupt(world.home.weights(champion))
    return {"subject": champion}


def _corrupt_child(world: World, _life: Breeding | None, event: Event) -> Evidence:
    models = [child["model"] for child in world.home.children(event["generation"]) if child["model"]]
    victim = world.random.choice(models)
    world.home.corrupt(world.home.weights(victim))
    return {"subject": victim}


def _corrupt_search(world: World, _life: Breeding | None, _: Event) -> Evidence:
    state = world.home.search_state()
    assert state is not None
    world.home.corrupt(state)
    return {"subject": state}


def _nan_parent(world: World, _life: Breeding | None, _: Event) -> Evidence:
    folder = write_nan(world.shipped / "math", world.scratch / "diverged")
    world.extra_parents.append(str(folder))
    return {"subject": folder.name}


def _nan_child(world: World, _life: Breeding | None, event: Event) -> Evidence:
    folder = write_nan(world.shipped / "math", world.scratch / "nan-child")
    world.home.plant(event["generation"], 0, {"model": put_model(world.home.store, folder).digest, "failure": None})
    return {}


def _fill(world: World, life: Breeding | None, _: Event) -> Evidence:
    assert life is not None
    world.disk.fill([life.process.pid, *(worker.pid for worker in life.workers())])
    return {}


def _kill(_world: World, life: Breeding | None, _: Event) -> Evidence:
    assert life is not None
    return {"outlived": life.kill()}


def _worse(world: World, domain: str) -> Path:
    champion = check_out(world.home.store, world.home.champion(), world.scratch / f"before-{domain}")
    return write_regressed(champion, world.scratch / f"worse-{domain}", domain, world.random.randrange(1 << 30))


def _promote_worse(domain: str) -> Callable[[World, Breeding | None, Event], Evidence]:
    def strike(world: World, _life: Breeding | None, _: Event) -> Evidence:
        before = world.home.champion()
        planted = world.home.promote(_worse(world, domain), "by mistake, past the gate")
        return {"planted": planted, "before": before, "domain": domain}

    return strike


def _plant_worse(domain: str) -> Callable[[World, Breeding | None, Event], Evidence]:
    def strike(world: World, _life: Breeding | None, event: Event) -> Evidence:
        planted = put_model(world.home.store, _worse(world, domain)).digest
        best = dict.fromkeys(("coding", "math", "reasoning", "language"), 1.0)
        world.home.plant(event["generation"], 0, {"model": planted, "failure": None, "scores": best})
        return {"planted": planted, "domain": domain}

    return strike


def _failed_as(kind: str) -> Callable[[World, Evidence, Seen], list[str]]:
    def outcomes(_world: World, _evidence: Evidence, seen: Seen) -> list[str]:
        failed = [child for child in seen.children if child["failure"] == kind]
        told = _told(each for each in seen.incidents if each.figures.get("failure") == kind)
        return [f"{len(failed)} of {len(seen.children)} children failed: {kind}", *told] if failed and told else []

    return outcomes


def _damaged(_world: World, evidence: Evidence, seen: Seen) -> list[str]:
    return _told(each for each in seen.incidents if (each.kind, each.subject) == ("damaged model", evidence["subject"]))


def _spoiled(_world: World, evidence: Evidence, seen: Seen) -> list[str]:
    spoiled = ("spoiled founder", evidence["subject"])
    return _told(each for each in seen.incidents if (each.kind, each.subject) == spoiled)


def _full(_world: World, evidence: Evidence, seen: Seen) -> list[str]:
    failed = [child for child in seen.children if child["failure"] == "disk-full"]
    children = [f"{len(failed)} of {len(seen.children)} children failed: disk-full"] if failed else []
    ended = [end for end in seen.ends if any(word in end for word in ("No space left", "is full", "too large"))]
    return [*children, *ended, *(_taken_up(_world, evidence, seen) if ended else [])]


def _taken_up(_world: World, evidence: Evidence, seen: Seen) -> list[str]:
    told = _told(each for each in seen.incidents if each.kind == "interrupted generation")
    return told if evidence.get("outlived", 0) == 0 else []


def _rolled_back(world: World, evidence: Evidence, seen: Seen) -> list[str]:
    planted, before = evidence["planted"], evidence["before"]
    if (before, planted, "regression") not in seen.history or not any(e["left"] == planted for e in seen.rollbacks):
        return []
    incidents = [each for each in seen.incidents if (each.kind, each.subject) == ("regression", planted)]
    return _told(each for each in incidents if evidence["domain"] in each.figures["affected"])


def _refused(_world: World, evidence: Evidence, seen: Seen) -> list[str]:
    judgement = seen.concluded["judgement"]
    refused = judgement["verdict"] == "regress" and evidence["domain"] in judgement["affected"]
    if not refused or any(digest == evidence["planted"] for digest, _, _ in seen.history):
        return []
    return [f"verdict regress in {', '.join(judgement['affected'])}; {seen.concluded['ending']}"]


def _told(incidents: Iterable[Incident]) -> list[str]:
    return [
        f"incident {each.id}, {each.kind} ({each.figures.get('severity')}, {each.state}): "
        f"{each.detail[:_LONGEST]}; {each.response[:_LONGEST]}"
        for each in incidents
    ]
