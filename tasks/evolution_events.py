"""Events of evolution, for deployments to be triggered by."""

from typing import Any

from prefect.events import emit_event

from strata.evolution.pretraining import Checkpoint

CHECKPOINT_REGISTERED = "strata.checkpoint.registered"
REGRESSED = "strata.evolution.regressed"  # of a champion that still stands; starts the `rollback` deployment


def announce_checkpoint(checkpoint: Checkpoint) -> None:
    """Emit `strata.checkpoint.registered`; a `Notify` for `register_checkpoint` and `StrataCallback`.

    The payload has run, step, model (its digest) and name (of its ref in the store), and the loss where it is known.
    """
    payload = {"run": checkpoint.run, "step": checkpoint.step, "model": checkpoint.model, "name": checkpoint.name}
    emit_event(
        CHECKPOINT_REGISTERED,
        resource={
            "prefect.resource.id": _resource(checkpoint.model),
            "prefect.resource.name": checkpoint.name,
        },
        payload=payload | ({} if checkpoint.loss is None else {"loss": checkpoint.loss}),
    )


def announce_champion(what: str, model: str, payload: dict[str, Any]) -> None:
    """Emit `strata.evolution.<what>` about a model that is, or was, champion."""
    emit_event(f"strata.evolution.{what}", resource={"prefect.resource.id": _resource(model)}, payload=payload)


def announce_regression(champion: str, previous: str, incident: int, reason: str) -> None:
    """Emit `strata.evolution.regressed`: the champion is worse than the one before it, and stands nevertheless."""
    payload = {"champion": champion, "previous": previous, "incident": incident, "reason": reason}
    announce_champion(REGRESSED.removeprefix("strata.evolution."), champion, payload)


def _resource(model: str) -> str:
    return f"strata.model.{model}"
