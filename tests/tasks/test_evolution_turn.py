"""Who may breed, when, from what and with how much: switches, the lock, memory, founders."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

import tasks.evolution
import tasks.evolution_turn
from strata.evolution.models import put_model
from strata.evolution.pretraining import register_checkpoint
from strata.evolution.rounds import Admission, Order, Stored
from strata.settings import Settings
from strata.store import Ledger, Store
from tasks.evolution import open_shop
from tasks.evolution_founders import Founders, find_founders
from tasks.evolution_parameters import EvolutionParameters
from tasks.evolution_turn import crowded, no_room, room, switched_off, turn
from tasks.occasion import Occasion
from tests.support.champions import SHIPPED

MIB = 1 << 20


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("STRATA_HOME", str(tmp_path / "home"))
    return Settings()


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch):
    """What `open_shop` orders."""

    def ordered(parameters: EvolutionParameters, admitted: Admission | None = None) -> Order:
        seen: list[Order] = []

        @contextmanager
        def opened(order, home, store, ledger):
            seen.append(order)
            yield None

        monkeypatch.setattr(tasks.evolution, "open_workshop", opened)
        with open_shop(parameters, Founders([SHIPPED / "coding"], None), Settings(), admitted):
            return seen[0]

    return ordered


@pytest.mark.parametrize(
    ("flags", "by", "may"),
    [
        ({}, "schedule", True),
        ({}, "event", True),
        ({"ARCHAEOLOGICAL_EVOLUTION_SCHEDULER": "false"}, "hand", True),
        ({"ARCHAEOLOGICAL_EVOLUTION_SCHEDULER": "false"}, "schedule", False),
        ({"ARCHAEOLOGICAL_EVOLUTION_SCHEDULER": "false"}, "event", False),
        ({"ARCHAEOLOGICAL_PHASE_2_ENABLED": "false"}, "hand", False),
        ({"EVOLUTION_REGRESSION_DETECTION": "false"}, "schedule", True),
    ],
)
def test_who_may_breed(flags, by, may, monkeypatch):
    for name, value in flags.items():
        monkeypatch.setenv(name, value)
    reason = switched_off(Settings(), Occasion("1", "a-run", True, by))
    assert (reason is None) == may
    if reason is not None:
        assert all(name in reason for name in flags)


@pytest.mark.parametrize(
    ("flag", "approval", "manual"),
    [
        (None, "undecided", False),
        (None, "always", True),
        ("ARCHAEOLOGICAL_EVOLUTION_SCHEDULER", "undecided", True),
        ("EVOLUTION_REGRESSION_DETECTION", "undecided", True),
        ("EVOLUTION_AUTOMATED_ROLLBACK", "undecided", False),
    ],
)
def test_what_is_promoted_without_a_person(flag, approval, manual, monkeypatch, order):
    if flag:
        monkeypatch.setenv(flag, "false")
    assert order(EvolutionParameters(approval=approval)).demands.manual == manual


def test_only_one_run_breeds_in_a_home(settings):
    with turn(settings, wait=False) as mine:
        assert mine
        with turn(settings, wait=False) as other:
            assert not other
    with turn(settings, wait=True) as mine:
        assert mine


def test_a_run_that_fails_leaves_its_turn(settings):
    with pytest.raises(ValueError, match="broke"), turn(settings, wait=False):
        raise ValueError("broke")
    with turn(settings, wait=False) as mine:
        assert mine


def test_memory_decides_whether_a_generation_begins_beside_a_trainer(settings, monkeypatch, order):
    parameters = EvolutionParameters(beside_training=True, workers=2, reserve=1000)
    founders = find_founders(parameters, settings)
    monkeypatch.setattr(tasks.evolution_turn, "_held", lambda: 100 * MIB)
    monkeypatch.setattr(tasks.evolution_turn, "available_memory", lambda: 1400 * MIB)
    refused = room(parameters, founders, settings)
    assert (refused.workers, refused.free, refused.held_back) == (0, 1500 * MIB, 1000 * MIB)
    assert crowded(parameters, founders, settings)
    assert not crowded(EvolutionParameters(), founders, settings)
    sentence = no_room(refused)
    assert f"up to {refused.predicted / MIB:,.0f} MiB, 1,500 MiB are free, of which 1,000 MiB are held back" in sentence

    monkeypatch.setattr(tasks.evolution_turn, "available_memory", lambda: refused.predicted + 900 * MIB)
    admitted = room(parameters, founders, settings)
    assert admitted.workers == 1
    ordered = order(parameters, admitted)
    assert (ordered.workers, ordered.memory_bytes) == (1, admitted.merging)
    assert order(EvolutionParameters(memory=7)).memory_bytes == 7 * MIB


def test_beside_a_trainer_it_has_the_lowest_priority_and_one_thread():
    code = "import os, torch; from tasks.evolution_turn import be_modest\n"
    code += "be_modest(); print(os.nice(0), torch.get_num_threads())"
    free = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=free, timeout=120, check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["19", "1"]


def test_the_latest_checkpoints_of_a_run_are_its_parents(settings):
    store, parameters = Store(settings.store_root), EvolutionParameters(checkpoints_of="mine", base="")
    with Ledger(settings.ledger) as ledger:
        for step, name in enumerate(["coding", "math", "reasoning", "language", "base"], start=1):
            found = find_founders(parameters, settings)
            if step < 3:
                assert found == f"'mine' has registered {step - 1} checkpoints; two are needed to merge."
            register_checkpoint(store, ledger, SHIPPED / name, "mine", step)
    found = find_founders(parameters, settings)
    assert [founder.name for founder in found.parents] == ["mine-2", "mine-3", "mine-4", "mine-5"]
    assert found.base is None


def test_founders_may_lie_in_the_store(settings):
    digest = put_model(Store(settings.store_root), SHIPPED / "math", "kept").digest
    found = find_founders(EvolutionParameters(parents=[str(SHIPPED / "coding"), digest], base="kept"), settings)
    assert found == Founders([SHIPPED / "coding", Stored(digest[:12], digest)], Stored("kept", digest))
