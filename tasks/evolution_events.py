"""Events of evolution, for deployments to be triggered by."""

from prefect.events import emit_event

from strata.evolution import Checkpoint

CHECKPOINT_REGISTERED = "strata.checkpoint.registered"


def announce_checkpoint(checkpoint: Checkpoint) -> None:
    """Emit `strata.checkpoint.registered`; a `Notify` for `register_checkpoint` and `StrataCallback`.

    The payload has run, step, model (its digest) and name (of its ref in the store), and the loss where it is known.
    """
    payload = {"run": checkpoint.run, "step": checkpoint.step, "model": checkpoint.model, "name": checkpoint.name}
    emit_event(
        CHECKPOINT_REGISTERED,
        resource={
            "prefect.resource.id": f"strata.model.{checkpoint.model}",
            "prefect.resource.name": checkpoint.name,
        },
        payload=payload | ({} if checkpoint.loss is None else {"loss": checkpoint.loss}),
    )
