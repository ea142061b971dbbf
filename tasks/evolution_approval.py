"""Candidates that a person decides on: in Prefect's user interface, where the run is one of a deployment.

Such a run suspends, which ends its process, and begins anew when it is resumed: what it has done is in the store and
the ledger. From the command line nothing waits, and `strata evolution approve` or `reject` decide.
"""

from dataclasses import replace
from typing import Literal

from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from pydantic import Field

from strata.evolution.lineage import Championship, StaleProposal
from strata.evolution.rounds import Workshop
from strata.settings import Settings
from strata.store import Approval, Approvals
from tasks.evolution_events import announce_champion
from tasks.evolution_parameters import EvolutionParameters
from tasks.evolution_results import GenerationOutcome
from tasks.evolution_tables import judgement_markdown
from tasks.failures import stage
from tasks.occasion import Occasion
from tasks.terminal import console


class Decision(RunInput):
    """The form of a suspended run."""

    decision: Literal["approve", "reject"] = Field(title="Decision", description="Approved, it becomes champion")
    comment: str = Field("", title="Comment", description="Why; kept with the decision", max_length=2000)
    name: str = Field("", title="Your name", description="Kept with the decision", max_length=60)


def settle_candidate(
    shop: Workshop, parameters: EvolutionParameters, outcome: GenerationOutcome, occasion: Occasion
) -> GenerationOutcome:
    """The outcome after a person's decision, if one was made or can be waited for; else as it is.

    Waiting suspends the run: this is left by an exception then, and called again when the run is resumed.
    """
    number = outcome.conclusion.approval
    if outcome.conclusion.ending != "proposed" or number is None:
        return outcome
    asked = _asked(number)
    standing = shop.parts.championship.standing()
    current = standing is not None and standing.digest == asked.champion
    if asked.state == "pending" and current and occasion.deployed and parameters.approval_wait:
        form = Decision.with_initial_data(description=_question(asked))
        create_markdown_artifact(_question(asked), key="evolution-approval")
        # Under this key a run that was resumed is not suspended again, but given the answer.
        decision = suspend_flow_run(form, timeout=parameters.approval_wait, key=f"approval-{number}")
        asked = decide(shop, number, decision, occasion)
    return _settled(shop, outcome, asked)


@task(name="decide", cache_policy=NO_CACHE)
def decide(shop: Workshop, number: int, decision: Decision, occasion: Occasion) -> Approval:
    """Record the decision as the command line would, and carry it out; one that was made elsewhere meanwhile stands."""
    if (asked := _asked(number)).state == "pending":
        by = f"{decision.name or 'somebody'}, in Prefect's run {occasion.name}"[:128]
        championship = shop.parts.championship
        with stage("decide", {}, "see the message; `strata evolution approve` or `reject` decide as well."):
            if decision.decision == "reject":
                championship.reject(number, by, decision.comment or "rejected")
            else:
                try:
                    _approve(championship, asked, by, decision.comment or "approved")
                except StaleProposal as stale:
                    _say(f"The approval came too late: {stale}")
                    return asked
        asked = _asked(number)
    _say(f"Proposal {number} is {asked.state} by {asked.decided_by}: {asked.reason}")
    return asked


def _say(sentence: str) -> None:
    console.print(f"  {sentence}")
    get_run_logger().info(sentence)


def _approve(championship: Championship, asked: Approval, by: str, reason: str) -> None:
    change = championship.approve(asked.id, by, reason)
    announce_champion("promoted", change.digest, {"generation": asked.generation, "previous": change.previous})


def _asked(number: int) -> Approval:
    with Approvals(Settings().ledger) as approvals:
        return approvals.get(number)


def _settled(shop: Workshop, outcome: GenerationOutcome, asked: Approval) -> GenerationOutcome:
    if asked.state == "pending":
        return outcome
    standing = shop.parts.championship.standing()
    assert standing is not None
    scores = {child.model: child.fitness for child in outcome.children}
    conclusion = replace(
        outcome.conclusion,
        ending="promoted" if asked.state == "approved" else "kept",
        champion=standing.digest,
        champion_fitness=scores.get(standing.digest) or outcome.conclusion.champion_fitness,
    )
    return replace(outcome, conclusion=conclusion)


def _question(asked: Approval) -> str:
    why = "\n".join(f"- {reason}" for reason in (*asked.judgement["affected"], *asked.judgement["missing"]))
    return (
        f"**May {asked.candidate[:12]} become champion in the place of {(asked.champion or 'nobody')[:12]}?**\n\n"
        f"Of generation {asked.generation}; the gate says *{asked.judgement['verdict']}*, proposal {asked.id}.\n\n"
        f"{judgement_markdown(asked.judgement)}\n\n{why}\n\n"
        f"`strata evolution approve {asked.id}` or `reject {asked.id}` decide as well."
    )
