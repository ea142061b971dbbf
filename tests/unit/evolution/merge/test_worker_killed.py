"""A worker that is killed. In the last of these files, because the next worker takes seconds to start."""

import os
import signal

from strata.evolution.merge import MergeFailed, MergePool
from strata.evolution.recipes import Recipe
from tests.unit.evolution.merge.models import Family, configuration


def test_a_worker_that_is_killed_at_work(family: Family, pool: MergePool):
    recipe = Recipe(configuration("ties", *(f"model:{family.digests[name]}" for name in ("base", "one", "two"))), 0)
    pool.merge(recipe)
    (worker,) = pool.pids
    os.kill(worker, signal.SIGKILL)
    failed = pool.merge(recipe)
    assert isinstance(failed, MergeFailed)
    assert failed.kind == "worker-killed"
    assert not pool.pids
