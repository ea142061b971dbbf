import threading

import pytest
import trio
import trio.testing

from strata.inference.node.worker import Worker


@pytest.fixture
def worker():
    worker = Worker()
    yield worker
    worker.stop()


@pytest.mark.anyio
async def test_all_work_is_done_in_one_thread_in_order(worker: Worker) -> None:
    threads, order = set(), []

    def job(number: int) -> int:
        threads.add(threading.current_thread())
        order.append(number)
        return number * 2

    assert [await worker.run(job, number) for number in range(5)] == [0, 2, 4, 6, 8]
    assert order == [0, 1, 2, 3, 4]
    assert len(threads) == 1
    assert threads != {threading.current_thread()}


@pytest.mark.anyio
async def test_an_error_comes_back_and_the_worker_goes_on(worker: Worker) -> None:
    with pytest.raises(ZeroDivisionError):
        await worker.run(lambda: 1 // 0)
    assert await worker.run(lambda: "alive") == "alive"


@pytest.mark.anyio
async def test_a_cancelled_job_is_skipped_or_its_result_dropped(worker: Worker) -> None:
    started, release, ran = threading.Event(), threading.Event(), []

    def slow() -> None:
        started.set()
        release.wait(10)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(worker.run, slow)
        await trio.to_thread.run_sync(started.wait)
        with trio.move_on_after(0):
            await worker.run(ran.append, "never")
        nursery.start_soon(worker.run, ran.append, "queued")
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    release.set()
    assert await worker.run(lambda: "alive") == "alive"
    assert ran == []
