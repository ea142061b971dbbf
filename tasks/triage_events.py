"""Cases as events of a Prefect server, for automations and for the flow `triage`.

`strata.incident.opened`, `strata.incident.acknowledged` and `strata.incident.resolved`, about the resource
`strata.incident.ID`; the payload is the case. Posted, where `emit_event` only queues: what the server did not take is
told again. The event's id comes from the notice's, so that the server keeps what it is told twice once.
"""

from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import httpx
import trio
from prefect.client.orchestration import get_client
from prefect.events import Event

from strata.triage import Notice, OutletFailed

OPENED, ACKNOWLEDGED, RESOLVED = (f"strata.incident.{what}" for what in ("opened", "acknowledged", "resolved"))


class PrefectEvents:
    """An outlet of `strata.triage.watch`: the Prefect server of PREFECT_API_URL."""

    name = "prefect"

    async def tell(self, notice: Notice) -> None:
        """Post it. Raises OutletFailed."""
        await trio.to_thread.run_sync(_post, event_of(notice), abandon_on_cancel=True)


def event_of(notice: Notice) -> Event:
    """The event that a notice is."""
    told, case = notice.to_json(), notice.case
    payload: dict[str, Any] = told["data"]
    related = [
        {"prefect.resource.id": f"strata.incident.{case.cause}", "prefect.resource.role": "cause"},
    ]
    return Event(
        id=uuid5(NAMESPACE_URL, f"strata-incident:{notice.delivery}:{case.first.isoformat()}"),
        occurred=datetime.fromisoformat(told["timestamp"]),
        event=told["type"],
        resource={
            "prefect.resource.id": f"strata.incident.{case.id}",
            "prefect.resource.name": f"{case.kind}: {case.subject}"[:200],
            "strata.severity": case.severity,
            "strata.pipeline": case.pipeline,
        },
        related=related if case.cause is not None else [],
        payload=payload,
    )


def _post(event: Event) -> None:
    try:
        with get_client(sync_client=True) as client:
            answer = client.request("POST", "/events", json=[event.model_dump(mode="json")])
            answer.raise_for_status()
    except httpx.HTTPError as error:
        raise OutletFailed(f"the Prefect server does not take the event: {type(error).__name__}") from error
