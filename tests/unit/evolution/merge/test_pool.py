"""What the pool does with its workers, shown on a stand-in that starts at once."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from strata.cli import main
from strata.evolution.merge import Merged, MergeError, MergeFailed, MergePool, predict_bytes, process
from strata.evolution.merge import pool as pool_module
from strata.evolution.recipes import Recipe
from tests.unit.evolution.merge.models import Family, configuration, make_family
from tests.unit.evolution.merge.stand_in import DIE, FULL, HANG, NEVER_STARTS

STAND_IN = "tests.unit.evolution.merge.stand_in"


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Family:
    """A store of its own, in which no other pool is at work while somebody looks for what was left behind."""
    return make_family(tmp_path_factory.mktemp("pools"))


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(process, "MODULE", STAND_IN)


def recipe(family: Family, seed: int, method: str = "linear") -> Recipe:
    names = {name: f"model:{digest}" for name, digest in family.digests.items()}
    return Recipe(configuration(method, names["base"], names["one"], names["two"]), seed)


def leftovers(family: Family) -> list[Path]:
    # os.walk, unlike rglob, does not mind folders that go while it looks.
    walked = os.walk(family.store.layout.root / "merging")
    return [Path(folder) / name for folder, folders, files in walked for name in (*folders, *files)]


def kinds(results) -> list[str]:
    return [result.kind if isinstance(result, MergeFailed) else "merged" for result in results]


def test_results_in_order_by_workers_that_stay(family: Family):
    recipes = [recipe(family, seed) for seed in range(9)]
    with MergePool(family.store, 2, threads=3) as pool:
        results = list(pool.merge_all(recipes))
        pids = pool.pids
    assert [result.recipe for result in results] == [each.digest for each in recipes]
    assert {result.digest for result in results} <= {f"child of {pid}" for pid in pids}
    assert {result.engine.threads for result in results} == {3}
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not leftovers(family)


def test_a_killed_worker_costs_its_child_only_and_is_replaced(family: Family):
    seeds = (0, DIE, 1, FULL, 2, DIE, 3)
    with MergePool(family.store, 2) as pool:
        results = list(pool.merge_all(recipe(family, seed) for seed in seeds))
        assert len(pool.pids) <= 2
    assert kinds(results) == ["merged", "worker-killed", "merged", "disk-full", "merged", "worker-killed", "merged"]
    assert "SIGKILL" in results[1].detail
    assert not leftovers(family)


def test_a_child_that_takes_too_long_is_ended(family: Family):
    with MergePool(family.store, timeout_seconds=0.2) as pool:
        assert kinds(pool.merge_all(recipe(family, seed) for seed in (HANG, 0))) == ["timeout", "merged"]
    assert not leftovers(family)


def test_closing_ends_a_merge_under_way(family: Family):
    pool, ended = MergePool(family.store), threading.Event()

    def merge() -> None:
        with pytest.raises(MergeError, match="closed"):
            pool.merge(recipe(family, HANG))
        ended.set()

    thread = threading.Thread(target=merge)
    thread.start()
    while not leftovers_named(family, "child-0"):
        thread.join(0.01)
    pids = pool.pids
    pool.close()
    assert ended.wait(20)
    thread.join()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not leftovers(family)
    with pytest.raises(MergeError, match="closed"):
        pool.merge(recipe(family, 0))


def leftovers_named(family: Family, name: str) -> bool:
    return any(path.name == name for path in leftovers(family))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_when_who_ordered_dies(family: Family, how: signal.Signals):
    """SIGINT goes to the whole group, as Ctrl-C does."""
    asked = recipe(family, HANG).to_json()
    script = (
        "import sys; from pathlib import Path; from strata.evolution.merge import MergePool, process\n"
        "from strata.evolution.recipes import Recipe; from strata.store import Store\n"
        f"process.MODULE = {STAND_IN!r}\n"
        f"with MergePool(Store(Path({str(family.store.layout.root)!r})), 2) as pool:\n"
        f"    list(pool.merge_all([Recipe.from_json({asked!r})] * 2))\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    caller = subprocess.Popen([sys.executable, "-c", script], env=environment, start_new_session=True)
    while not (leftovers_named(family, "child-0") and leftovers_named(family, "child-1")):
        assert caller.poll() is None
        try:
            caller.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
    workers = psutil.Process(caller.pid).children()
    assert len(workers) == 2
    os.killpg(caller.pid, how) if how == signal.SIGINT else caller.send_signal(how)
    caller.wait(30)
    assert not psutil.wait_procs(workers, timeout=20)[1]
    assert not leftovers(family)


def test_what_dead_pools_left_is_removed_and_a_live_pool_is_not(family: Family):
    dead = family.store.layout.root / "merging" / "dead"
    with MergePool(family.store) as live:
        dead.mkdir()
        (dead / "lock").touch()
        (dead / "child").touch()
        with MergePool(family.store):
            assert not dead.exists()
        assert isinstance(live.merge(recipe(family, 0)), Merged)


def test_children_wait_for_memory_and_what_never_fits_is_refused(family: Family):
    small, large = recipe(family, 0), recipe(family, 1, "ties")
    need = predict_bytes(family.store, small) + pool_module.IDLE_BYTES
    assert predict_bytes(family.store, large) > predict_bytes(family.store, small)
    with MergePool(family.store, 4, memory_bytes=need) as pool:
        results = list(pool.merge_all([small, large, small, small]))
        assert len(pool.pids) == 1  # there was room for one at a time
        after = list(pool.merge_all([recipe(family, DIE), small]))  # and a failure gives its room back
    assert kinds(results) == ["merged", "memory", "merged", "merged"]
    assert len({result.digest for result in results if isinstance(result, Merged)}) == 1
    assert sorted(kinds(after)) == ["merged", "worker-killed"]
    assert f"{need:,}" in results[1].detail


def test_idle_workers_make_room(family: Family):
    small = recipe(family, 0)
    need = predict_bytes(family.store, small) + pool_module.IDLE_BYTES
    with MergePool(family.store, 2, memory_bytes=2 * need) as pool:
        threads = [threading.Thread(target=pool.merge, args=(recipe(family, seed),)) for seed in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        pool._budget = need + 1  # as if the second had not been there: an idle worker takes memory too
        assert isinstance(pool.merge(small), Merged)
        assert len(pool.pids) == 1


def test_what_is_refused_before_a_worker_starts(family: Family):
    good = recipe(family, 0)
    missing = {**good.configuration, "models": [{"model": f"model:{'0' * 64}", "parameters": {"weight": 1}}]}
    wrong = {**good.configuration, "parameters": {"wieght": 1}}
    with MergePool(family.store) as pool:
        results = [pool.merge(Recipe(configuration, 0)) for configuration in (missing, wrong)]
        assert not pool.pids
    assert kinds(results) == ["parent", "recipe"]
    assert "wieght" in results[1].detail


def test_the_room_is_cheap_to_import():
    script = (
        "import sys, strata.evolution.merge, strata.evolution.recipes, strata.cli.merge\n"
        "print(*{'mergekit', 'torch', 'transformers', 'yaml'} & sys.modules.keys(), end='')"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", script], check=True, env=environment, capture_output=True)
    assert not done.stdout


def test_without_mergekit_the_pool_says_so(family: Family, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(NEVER_STARTS, "1")
    with (
        MergePool(family.store) as pool,
        pytest.raises(MergeError, match=r"no worker can be started.*no mergekit here"),
    ):
        pool.merge(recipe(family, 0))
    with pytest.raises(MergeError, match="at least one worker"):
        MergePool(family.store, 0)


def test_the_command_line_says_why(family: Family, tmp_path: Path, capsys):
    """A failed merge leaves nothing; what is in the way is not touched."""
    recipe_file, out = tmp_path / "recipe.yml", tmp_path / "out"
    fine = configuration("linear", "", str(family.folders["one"]), str(family.folders["two"]))
    recipe_file.write_text(json.dumps(fine))
    with pytest.raises(SystemExit) as ended:
        main(["merge", str(recipe_file), str(out), "--json", "--seed", str(FULL)])
    said = capsys.readouterr()
    assert (ended.value.code, json.loads(said.out)["kind"]) == (1, "disk-full")
    assert "disk-full: No space left" in said.err
    assert [file.name for file in tmp_path.iterdir()] == ["recipe.yml"]
    out.mkdir()
    (out / "mine").touch()
    for content, word in (("{", "cannot read"), ("a: 1", "no merge_method"), (json.dumps(fine), "not empty")):
        recipe_file.write_text(content)
        with pytest.raises(SystemExit) as ended:
            main(["merge", str(recipe_file), str(out)])
        assert ended.value.code == 2
        assert word in capsys.readouterr().err
    assert [file.name for file in out.iterdir()] == ["mine"]
