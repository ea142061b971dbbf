"""One ledger used by many processes at once: each move of the champion is won by one, and one at a time has a lock."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count, pairwise
from pathlib import Path

import pytest

from strata.store import ChampionLog, InvalidName
from tests.unit.store.movers import TURNS

PROCESSES = 4


@contextmanager
def mover(do: str, url: str, name: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, Path(__file__).with_name("movers.py"), do, url, name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def say(process: "subprocess.Popen[str]") -> None:
    process.stdin.write("go\n")
    process.stdin.flush()


def test_of_many_who_move_the_champion_at_once_one_comes_first_each_time(any_url: str) -> None:
    commands = [
        [sys.executable, Path(__file__).with_name("movers.py"), "move", any_url, f"process {number}"]
        for number in range(PROCESSES)
    ]
    crowd = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for command in commands
    ]
    for process in crowd:
        say(process)
    told = [json.loads(process.communicate()[0]) for process in crowd]
    assert [(process.returncode, each["won"]) for process, each in zip(crowd, told, strict=True)] == [
        (0, TURNS)
    ] * PROCESSES
    assert sum(each["lost"] for each in told) > 0, "they were in each other's way"
    with ChampionLog(any_url) as log:
        history, standing = log.history(), log.standing()
    assert len({change.reason for change in history}) == len(history) == PROCESSES * TURNS
    assert [change.revision for change in history] == list(range(PROCESSES * TURNS, 0, -1))
    assert all(later.previous == earlier.digest for later, earlier in pairwise(history))
    assert (standing.digest, standing.revision) == (history[0].digest, history[0].revision)


def test_who_has_the_lock_has_it_alone_and_leaves_it_when_killed(any_url: str) -> None:
    with ChampionLog(any_url) as log, mover("hold", any_url, "evolution") as holder:
        say(holder)
        assert holder.stdout.readline() == "True\n"
        with log.alone("evolution", wait=False) as mine:
            assert mine is False
        with log.alone("champion", wait=False) as another:
            assert another is True
        holder.kill()
        with log.alone("evolution") as mine:
            assert mine is True


def test_a_lock_goes_with_its_block(any_url: str) -> None:
    with ChampionLog(any_url) as log:
        with pytest.raises(ValueError, match="broke"), log.alone("evolution"):
            raise ValueError("broke")
        with log.alone("evolution", wait=False) as mine:
            assert mine is True
        with pytest.raises(InvalidName), log.alone("../x"):
            pass


def test_more_threads_than_connections_wait_for_a_lock_and_work_under_it(any_url: str) -> None:
    numbers, seen = count(), []

    def work(_: int) -> None:
        with log.alone("champion"):
            number = next(numbers)
            log.standing()  # takes a connection, while others hold theirs and wait
            seen.append(number)

    with ChampionLog(any_url) as log, ThreadPoolExecutor(24) as threads:
        list(threads.map(work, range(24)))
    assert seen == list(range(24))
