"""Long work done by threads of this process, with nothing kept over its end: for tests, and to try the API out."""

import json
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from strata.api import Job, Pipeline, Schedule, WorkRefused, WorkUnavailable
from strata.closing import Closing

_REMEMBERED = 1000  # jobs; of more, the oldest that have ended are forgotten
_ENDED = frozenset({"completed", "skipped", "failed", "crashed", "cancelled"})
_SETTLED = _ENDED | {"suspended"}


class Cancelled(Exception):
    """Somebody asked the job to end."""


class Skipped(Exception):
    """The job has nothing to do, and why."""


@dataclass(frozen=True)
class Answer:
    """What a person decided."""

    approve: bool
    reason: str
    by: str


class Running:
    """What a job's callable is given: its parameters, and a way to ask. Its `check` raises Cancelled when it is."""

    def __init__(self, work: "LocalWork", job_id: str, parameters: Mapping[str, Any]) -> None:
        self.parameters = parameters
        self.cancelled = threading.Event()
        self._work, self._id = work, job_id
        self._answered = threading.Event()
        self._answer: Answer | None = None

    def check(self) -> None:
        """Raise Cancelled where somebody has cancelled the job."""
        if self.cancelled.is_set():
            raise Cancelled

    def ask(self, question: str) -> Answer:
        """Suspend the job until a person decides; raises Cancelled."""
        self.check()
        self._work.change(self._id, state="suspended", message=question)
        self._answered.wait()
        self.check()
        self._answered.clear()
        self._work.change(self._id, state="running", message="")
        assert self._answer is not None
        return self._answer

    def give(self, answer: Answer | None) -> None:
        """Answer what it asks; None: it was cancelled."""
        self._answer = answer
        self._answered.set()


Pipelines = Mapping[Pipeline, Callable[[Running], Any]]


class LocalWork(Closing):
    """Runs the given callable of each pipeline in a thread. A pipeline without one is as one whose worker is away.

    Jobs that are still running when this is closed are cancelled, and waited for.
    """

    def __init__(self, pipelines: Pipelines, schedules: Mapping[Pipeline, Sequence[Schedule]] | None = None) -> None:
        self._pipelines = pipelines
        self._schedules = schedules or {}
        self._changed = threading.Condition()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._running: dict[str, tuple[Running, threading.Thread]] = {}
        self._keys: dict[tuple[str, str], tuple[str, str]] = {}

    def close(self) -> None:
        """Cancel what runs, and wait for its end."""
        with self._changed:
            running = list(self._running.values())
        for each, thread in running:
            each.cancelled.set()
            each.give(None)
            thread.join()

    def start(self, pipeline: Pipeline, parameters: Mapping[str, Any], key: str | None = None) -> Job:
        """As `Work.start`."""
        if pipeline not in self._pipelines:
            raise WorkUnavailable(f"nothing runs the pipeline {pipeline}")
        given = json.dumps(parameters, sort_keys=True)
        with self._changed:
            if key is not None and (pipeline, key) in self._keys:
                known, before = self._keys[pipeline, key]
                if before != given:
                    raise WorkRefused("with this key a job was started before, and with other parameters")
                return self._jobs[known]
            job_id = str(uuid.uuid4())
            now = datetime.now(UTC)
            job = Job(job_id, pipeline, f"{pipeline}-{job_id[:8]}", "running", now, now, None, "", None)
            self._jobs[job_id] = job
            if key is not None:
                self._keys[pipeline, key] = job_id, given
            running = Running(self, job_id, dict(parameters))
            thread = threading.Thread(target=self._run, args=(pipeline, job_id, running), name=job.name)
            self._running[job_id] = running, thread
            self._forget()
            thread.start()
            return job

    def find(self, job_id: str) -> Job | None:
        """As `Work.find`."""
        with self._changed:
            return self._jobs.get(job_id)

    def recent(self, pipeline: Pipeline | None = None, limit: int = 20) -> Sequence[Job]:
        """As `Work.recent`."""
        with self._changed:
            latest = [job for job in reversed(self._jobs.values()) if pipeline in (None, job.pipeline)]
        return latest[:limit]

    def cancel(self, job_id: str) -> Job | None:
        """As `Work.cancel`."""
        with self._changed:
            job = self._jobs.get(job_id)
            if job is None or job.state == "cancelling":
                return job
            if job.state in _ENDED:
                raise WorkRefused(f"the job has ended: it is {job.state}")
            running = self._running[job_id][0]
            self._jobs[job_id] = replace(job, state="cancelling")
            running.cancelled.set()
            running.give(None)
            return self._jobs[job_id]

    def decide(self, job_id: str, *, approve: bool, reason: str, by: str) -> Job | None:
        """As `Work.decide`."""
        with self._changed:
            job = self._jobs.get(job_id)
            if job is None:
                return None
            if job.state != "suspended":
                raise WorkRefused(f"the job asks nothing: it is {job.state}")
            self._jobs[job_id] = replace(job, state="running", message="")
            self._running[job_id][0].give(Answer(approve, reason, by))
            return self._jobs[job_id]

    def schedules(self, pipeline: Pipeline) -> Sequence[Schedule]:
        """As `Work.schedules`."""
        return self._schedules.get(pipeline) or [Schedule(pipeline, True, None, "UTC", ())]

    def settle(self, job_id: str) -> Job:
        """The job once it has ended, or asks."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs[job_id].state in _SETTLED)
            return self._jobs[job_id]

    def change(self, job_id: str, **fields: Any) -> None:
        """Say how a job is now, unless it is being cancelled."""
        with self._changed:
            job = self._jobs[job_id]
            if job.state != "cancelling":
                self._jobs[job_id] = replace(job, **fields)
                self._changed.notify_all()

    def _run(self, pipeline: Pipeline, job_id: str, running: Running) -> None:
        ended: tuple[Any, str]
        try:
            said = self._pipelines[pipeline](running)
            ended = "completed", str(said or "")
        except Cancelled:
            ended = "cancelled", ""
        except Skipped as reason:
            ended = "skipped", str(reason)
        except Exception as error:
            ended = "failed", f"{type(error).__name__}: {error}"
        with self._changed:
            state, message = ended
            self._jobs[job_id] = replace(self._jobs[job_id], state=state, message=message, ended=datetime.now(UTC))
            del self._running[job_id]
            self._changed.notify_all()

    def _forget(self) -> None:
        old = [job_id for job_id, job in self._jobs.items() if job.state in _ENDED]
        for job_id in old[: max(0, len(self._jobs) - _REMEMBERED)]:
            del self._jobs[job_id]
            self._keys = {key: known for key, known in self._keys.items() if known[0] != job_id}
