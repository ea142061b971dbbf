"""The evolution flow with its merges and answers on a Ray cluster: the same to the last bit, whoever dies there."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from strata.evolution.suites import Item
from tasks.evolution_parameters import EvolutionParameters
from tests.support.ray_cluster import (
    HERE,
    ROOT,
    RayCluster,
    appears,
    kill,
    needs_prefect_ray,
    needs_ray,
    ray_cluster,
)

pytestmark = [needs_ray, needs_prefect_ray, pytest.mark.timeout(900)]

SMALL = EvolutionParameters(
    generations=1, children=2, search_items=300, gate_items=50, comparison_items=50, workers=1, base=""
)
MERGER = "strata.evolution.merge.worker"


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with ray_cluster() as started:
        yield started


def sums(folder: Path) -> str:
    """A suite that costs little: no program is run. It has enough items for the gate of each generation."""
    path = folder / "sums.jsonl"
    choices = [[str(number + number % 97 + off) for off in range(4)] for number in range(6000)]
    items = [
        Item(str(number), "math", f"{number}+{number % 97}=", "choice", tuple(each), answer=0)
        for number, each in enumerate(choices)
    ]
    path.write_text("\n".join(item.to_json() for item in items))
    return str(path)


def bred(home: Path, suite: str, monkeypatch: pytest.MonkeyPatch, address: str | None) -> tuple[object, list[tuple]]:
    """One more generation of that home, and all answers that it has got by then."""
    from flows.evolution import run

    for name in [name for name in HERE if name.startswith("RAY_")]:
        monkeypatch.setenv(name, HERE[name])
    monkeypatch.setenv("STRATA_HOME", str(home))
    if address is None:
        monkeypatch.delenv("STRATA_RAY_ADDRESS", raising=False)
    else:
        monkeypatch.setenv("STRATA_RAY_ADDRESS", address)
    outcome = run(SMALL.model_copy(update={"suites": [suite]}))
    with sqlite3.connect(home / "answers.sqlite") as answers:
        rows = answers.execute("select model, suite, item, score, margin from answers order by 1, 2, 3").fetchall()
    return outcome, rows


@pytest.mark.usefixtures("prefect_api")
def test_children_scores_and_champion_are_those_of_a_run_without_ray_also_where_a_worker_dies(
    cluster: RayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    suite = sums(tmp_path)
    expected = bred(tmp_path / "alone", suite, monkeypatch, None)
    mergers: list[psutil.Process] = []

    def kill_the_first() -> None:
        """A worker of Ray while what it has started merges or is about to."""
        mergers.append(appears(cluster, MERGER))
        kill(mergers[0].parent())

    killer = threading.Thread(target=kill_the_first)
    killer.start()
    found = bred(tmp_path / "with-ray", suite, monkeypatch, cluster.address)
    killer.join()
    assert found == expected
    assert expected[0].generations[0].children[0].model
    assert len(expected[1]) > 500
    # Ray's workers did it, and what they started has ended with them.
    assert mergers
    assert not psutil.wait_procs(mergers, timeout=60)[1]


def test_ctrl_c_ends_what_the_run_has_on_the_cluster(cluster: RayCluster, tmp_path: Path):
    options = ["--children", "8", "--search-items", "2000", "--generations", "5"]
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.evolution", *options],
        cwd=ROOT,
        env={**os.environ, **HERE, "STRATA_HOME": str(tmp_path), "STRATA_RAY_ADDRESS": cluster.address},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        worker = appears(cluster, "ray::answer")  # the crown is given by the search items, before the first merge
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, complaints
    assert complaints.strip() == "stopped"
    assert not psutil.wait_procs([worker], timeout=60)[1]
