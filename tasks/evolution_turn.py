"""When a run may breed: it is not switched off, nobody else does, and a trainer on this machine loses nothing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from strata.evolution.rounds import Admission, admit, enter_founder, forecast
from strata.files import locked, make_folder, try_lock
from strata.memory import available_memory
from strata.settings import Settings
from strata.store import Ledger, open_store
from tasks.evolution_founders import Founders
from tasks.evolution_parameters import EvolutionParameters
from tasks.failures import stage
from tasks.occasion import Occasion
from tasks.record import ALL_OFF
from tasks.terminal import console

BUSY = "Another run breeds in this STRATA_HOME, or on its ledger; beside a training nobody waits for it."
LOCK = "evolution"
LOWEST_PRIORITY = 19
_MIB = 1 << 20


def switched_off(settings: Settings, occasion: Occasion) -> str | None:
    """Why this run may not breed at all; None where it may."""
    if not settings.phase_2:
        return ALL_OFF
    if not settings.evolution_scheduler and occasion.by != "hand":
        return (
            f"This run was started by {'a schedule' if occasion.by == 'schedule' else 'an event'}, and evolution runs "
            "on demand only: set ARCHAEOLOGICAL_EVOLUTION_SCHEDULER=true to have it run by itself."
        )
    return None


@contextmanager
def turn(settings: Settings, *, wait: bool) -> Iterator[bool]:
    """Breed alone in this STRATA_HOME, and on a ledger that other machines use too, whoever started the others.

    Yields False where that is not so, and no `wait`.
    """
    with _home_turn(settings.home / "evolution.lock", wait=wait) as mine:
        if not mine or settings.ledger_url is None:
            yield mine
            return
        with Ledger(settings.ledger) as ledger:
            with ledger.alone(LOCK, wait=False) as free:
                if free or not wait:
                    yield free
                    return
            console.print("Another machine breeds on this ledger: waiting for its end")
            with ledger.alone(LOCK):
                yield True


@contextmanager
def _home_turn(path: Path, *, wait: bool) -> Iterator[bool]:
    make_folder(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if free := try_lock(descriptor):
            yield True
    finally:
        os.close(descriptor)
    if free:
        return
    if not wait:
        yield False
        return
    console.print("Another run breeds in this STRATA_HOME: waiting for its end")
    with locked(path, exclusive=True):
        yield True


def be_modest() -> None:
    """Leave the cores to others, here and in all processes that are started from here."""
    import torch

    torch.set_num_threads(1)
    os.nice(LOWEST_PRIORITY)


def room(parameters: EvolutionParameters, founders: Founders, settings: Settings) -> Admission:
    """Whether a generation fits into what is free now beyond what is held back for a trainer."""
    store = open_store(settings)
    with stage("admit", {}, "name models that can be read and that have one architecture."):
        parents = [enter_founder(store, parent) for parent in founders.parents]
        base = founders.base and enter_founder(store, founders.base)
        expected = forecast(store, parents, base, parameters.children)
    held_back = parameters.reserve * _MIB
    return admit(expected, free=available_memory() + _held(), held_back=held_back, workers=parameters.workers)


def no_room(admission: Admission) -> str:
    """The sentence for a generation that was not admitted, with its figures."""
    needed, free, held = (
        f"{size / _MIB:,.0f} MiB" for size in (admission.predicted, admission.free, admission.held_back)
    )
    return (
        f"Not enough memory beside the training now: a generation takes up to {needed}, {free} are free, of which "
        f"{held} are held back. The next checkpoint is another chance."
    )


def crowded(parameters: EvolutionParameters, founders: Founders, settings: Settings) -> bool:
    """Whether a trainer has no room any more for another generation of this run."""
    if not parameters.beside_training or (now := room(parameters, founders, settings)).workers:
        return False
    console.print(no_room(now))
    return True


def _held() -> int:
    """Resident bytes of this process and of those it started."""
    own = psutil.Process()
    found = 0
    for process in (own, *own.children(recursive=True)):
        try:
            found += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return found
