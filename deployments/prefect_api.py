"""The few requests to a Prefect server that keep it going: is it there, what runs, and how a run has ended.

By plain HTTP, because whoever supervises a server should start at once and stay small; Prefect's client is neither.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from strata.errors import StrataError

TIMEOUT_SECONDS = 15.0
MOST = 200  # runs that a server lists at once
TOO_MANY = 429

StateType = Literal["SCHEDULED", "PENDING", "RUNNING", "CANCELLING", "CANCELLED", "CRASHED", "FAILED", "COMPLETED"]


class ServerSilent(StrataError):
    """The Prefect server does not answer, or refuses."""


@dataclass(frozen=True)
class FlowRun:
    """A run as the server sees it. flow: whose it is, an id; worker: which has taken it, where that is known.

    since: when it came into its state; message: what was said of that.
    """

    id: str
    name: str
    state: StateType
    flow: str
    worker: str | None
    since: datetime
    message: str


class PrefectApi:
    """The server at `url`, such as http://127.0.0.1:4200/api. Every method but `answers` raises ServerSilent."""

    def __init__(self, url: str) -> None:
        self.url = url

    def answers(self, timeout: float = 2.0) -> bool:
        """Whether it is healthy now."""
        return healthy(f"{self.url}/health", timeout)

    def under_way(self, pool: str) -> tuple[FlowRun, ...]:
        """Runs of a work pool that some worker has taken and that have not ended."""
        wanted = {
            "flow_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}},
            "work_pools": {"name": {"any_": [pool]}},
            "limit": MOST,
        }
        return tuple(_flow_run(each) for each in self._post("/flow_runs/filter", wanted))

    def failed(self, pool: str, since: datetime, until: datetime) -> tuple[FlowRun, ...]:
        """The latest runs of a work pool that failed or crashed between the two, the oldest first."""
        wanted = {
            "flow_runs": {
                "state": {"type": {"any_": ["FAILED", "CRASHED"]}},
                "end_time": {"after_": since.isoformat(), "before_": until.isoformat()},
            },
            "work_pools": {"name": {"any_": [pool]}},
            "sort": "END_TIME_DESC",
            "limit": MOST,
        }
        return tuple(_flow_run(each) for each in reversed(self._post("/flow_runs/filter", wanted)))

    def completed_after(self, flow: str, time: datetime) -> FlowRun | None:
        """A run of the flow that did its work, and ended later."""
        wanted = {
            "flow_runs": {"state": {"name": {"any_": ["Completed"]}}, "end_time": {"after_": time.isoformat()}},
            "flows": {"id": {"any_": [flow]}},
            "limit": 1,
        }
        found: Sequence[Any] = self._post("/flow_runs/filter", wanted)
        return _flow_run(found[0]) if found else None

    def find(self, run: str) -> FlowRun | None:
        """One run."""
        found: Sequence[Any] = self._post("/flow_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
        return _flow_run(found[0]) if found else None

    def flow_name(self, run: FlowRun) -> str:
        """Of the flow that the run is one of."""
        found: Sequence[Any] = self._post("/flows/filter", {"flows": {"id": {"any_": [run.flow]}}})
        return str(found[0]["name"]) if found else "unknown"

    def page_of(self, run: FlowRun) -> str:
        """Where people look at it."""
        return f"{self.url.removesuffix('/api')}/runs/flow-run/{run.id}"

    def set_state(self, run: str, state: StateType, message: str, *, force: bool = True) -> None:
        """Say how a run is; with `force` whatever its rules say."""
        body = {"state": {"type": state, "name": state.capitalize(), "message": message}, "force": force}
        self._post(f"/flow_runs/{run}/set_state", body)

    def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)  # noqa: S310 - http only
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                return json.loads(answer.read())
        except (OSError, ValueError) as error:
            raise ServerSilent(f"Prefect's server at {self.url} does not answer {path}: {error}") from error


def healthy(url: str, timeout: float = 2.0) -> bool:
    """Whether a GET is answered with 200 within so many seconds, or with 429: many callers are no illness."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:  # noqa: S310 - always http
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        return error.code == TOO_MANY
    except OSError:
        return False


def _flow_run(found: Mapping[str, Any]) -> FlowRun:
    worker = (found.get("labels") or {}).get("prefect.worker.name")
    state = found["state"]
    said = state["message"] or f"it {found['state_type'].lower()}, and did not say why"
    since = datetime.fromisoformat(state["timestamp"])
    return FlowRun(found["id"], found["name"], found["state_type"], found["flow_id"], worker, since, said)
