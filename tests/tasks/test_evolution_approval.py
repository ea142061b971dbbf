"""A person's decision on a candidate: waited for, carried out, recorded; or made elsewhere meanwhile."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from prefect import flow
from prefect.exceptions import Pause
from prefect.transactions import transaction

import tasks.evolution
import tasks.evolution_approval
import tasks.evolution_events
from strata.evolution.lineage import Championship
from strata.evolution.models import put_model
from strata.evolution.regression import Verdict
from strata.evolution.rounds import Child, Conclusion
from strata.settings import Settings
from strata.store import Approvals, IncidentLog, Store
from tasks.evolution import ChampionRegressed, confirm_champion, promote_best
from tasks.evolution_approval import Decision, settle_candidate
from tasks.evolution_parameters import EvolutionParameters
from tasks.evolution_results import (
    GenerationOutcome,
    forget_generations,
    generations_so_far,
    keep_generations,
)
from tasks.occasion import Occasion
from tests.support.champions import SHIPPED, plant

pytestmark = pytest.mark.usefixtures("prefect_api")

DEPLOYED = Occasion("1", "brave-otter", True, "schedule")
DOMAIN = {"domain": "math", "items": 200, "difference": 0.01, "low": -0.02, "high": 0.04, "margin": 0.04}
JUDGED = {
    "verdict": "inconclusive", "level": 0.9, "items": 200, "domains": [DOMAIN], "affected": [],
    "missing": ["math: undecided; about 90 more items would settle it"],
    "overall": {"difference": 0.01, "low": -0.02, "high": 0.04},
}  # fmt: skip
WAITS = EvolutionParameters()


class Proposed:
    """A candidate that waits, the shop around it, and what the run that asks was told; None: nobody answers."""

    def __init__(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = settings
        (self.champion,) = plant(settings, SHIPPED / "coding")
        store = Store(settings.store_root)
        self.championship = Championship(store, settings.ledger)
        self.candidate = put_model(store, SHIPPED / "math").digest
        self.number = self.championship.propose(self.candidate, expected=self.champion, judgement=JUDGED, generation=4)
        self.shop = SimpleNamespace(parts=SimpleNamespace(championship=self.championship, store=store))
        child = Child("{}", self.candidate, scores={"coding": 0.9, "math": 0.9, "reasoning": 0.9, "language": 0.9})
        ended = Conclusion(4, "proposed", self.candidate, self.champion, 0.5, self.number)
        self.outcome = GenerationOutcome(ended, (child,), JUDGED)
        self.forms: list[type[Decision]] = []
        self.answer: Decision | None = None
        monkeypatch.setattr(tasks.evolution_approval, "suspend_flow_run", self._suspend)
        monkeypatch.setattr(tasks.evolution_approval, "create_markdown_artifact", lambda *_, **__: None)
        monkeypatch.setattr(tasks.evolution_events, "emit_event", lambda *_, **__: None)

    def _suspend(self, form: type[Decision], timeout: int, key: str) -> Decision:
        self.forms.append(form)
        assert (timeout, key) == (WAITS.approval_wait, f"approval-{self.number}")
        if self.answer is None:
            raise Pause
        return self.answer

    def settle(self, parameters: EvolutionParameters = WAITS, occasion: Occasion = DEPLOYED) -> GenerationOutcome:
        return settle_candidate(self.shop, parameters, self.outcome, occasion)

    def asked(self):
        with Approvals(self.settings.ledger) as approvals:
            return approvals.get(self.number)


@pytest.fixture
def proposed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proposed]:
    monkeypatch.setenv("STRATA_HOME", str(tmp_path))
    made = Proposed(Settings(), monkeypatch)
    yield made
    made.championship.close()


def test_a_deployed_run_suspends_with_the_intervals_and_a_form(proposed: Proposed):
    with pytest.raises(Pause):
        proposed.settle()
    (form,) = proposed.forms
    text = form._description
    assert "| math | 200 | +0.0100 | -0.0200 to +0.0400 | -0.0400 |" in text
    assert f"strata evolution approve {proposed.number}" in text
    assert form.model_json_schema()["properties"]["decision"]["enum"] == ["approve", "reject"]
    assert proposed.asked().state == "pending"


def test_approved_it_becomes_champion_and_the_ledger_says_by_whom(proposed: Proposed):
    proposed.answer = Decision(decision="approve", comment="good enough", name="Ada")
    outcome = proposed.settle()
    asked = proposed.asked()
    assert (asked.state, asked.decided_by, asked.reason) == (
        "approved", "Ada, in Prefect's run brave-otter", "good enough",
    )  # fmt: skip
    standing = proposed.championship.standing()
    assert (standing.digest, standing.generation) == (proposed.candidate, 4)
    ended = outcome.conclusion
    assert (ended.ending, ended.champion, ended.champion_fitness) == (
        "promoted",
        proposed.candidate,
        pytest.approx(0.9),
    )


def test_rejected_the_champion_stays(proposed: Proposed):
    proposed.answer = Decision(decision="reject")
    assert proposed.settle().conclusion.ending == "kept"
    assert (proposed.asked().state, proposed.asked().reason) == ("rejected", "rejected")
    assert proposed.championship.standing().digest == proposed.champion


@pytest.mark.parametrize(
    ("parameters", "occasion"),
    [(WAITS, Occasion("1", "cli", False, "hand")), (EvolutionParameters(approval_wait=0), DEPLOYED)],
)
def test_nobody_waits_at_the_command_line_or_where_it_is_not_wanted(proposed: Proposed, parameters, occasion):
    assert proposed.settle(parameters, occasion) == proposed.outcome
    assert proposed.forms == []


def test_a_decision_that_was_made_elsewhere_is_seen_and_stands(proposed: Proposed):
    proposed.championship.reject(proposed.number, "root", "not today")
    assert proposed.settle().conclusion.ending == "kept"
    assert proposed.forms == []  # nobody is asked again


def test_a_decision_that_was_made_elsewhere_while_the_run_was_suspended_stands(proposed: Proposed, monkeypatch):
    def meanwhile(*_, **__) -> Decision:
        proposed.championship.reject(proposed.number, "root", "not today")
        return Decision(decision="approve")

    monkeypatch.setattr(tasks.evolution_approval, "suspend_flow_run", meanwhile)
    assert proposed.settle().conclusion.ending == "kept"
    assert proposed.asked().decided_by == "root"
    assert proposed.championship.standing().digest == proposed.champion


def test_an_approval_that_comes_too_late_changes_nothing(proposed: Proposed, monkeypatch, caplog):
    other = put_model(proposed.shop.parts.store, SHIPPED / "language").digest

    def meanwhile(*_, **__) -> Decision:
        proposed.championship.promote(other, expected=proposed.champion, reason="quicker")
        return Decision(decision="approve")

    monkeypatch.setattr(tasks.evolution_approval, "suspend_flow_run", meanwhile)
    assert proposed.settle() == proposed.outcome
    assert "The approval came too late: proposal 1 was judged against" in caplog.text
    assert proposed.asked().state == "pending"
    assert proposed.championship.standing().digest == other
    assert proposed.settle() == proposed.outcome  # and nobody is asked for what cannot be
    assert proposed.forms == []


def test_what_a_run_has_done_is_there_when_it_goes_on(proposed: Proposed):
    store = proposed.shop.parts.store
    assert generations_so_far(store, "run-1") == []
    keep_generations(store, "run-1", [proposed.outcome])
    assert generations_so_far(store, "run-1") == [proposed.outcome]
    forget_generations(store, "run-1")
    assert generations_so_far(store, "run-1") == []


class Promotion:
    """A promotion in its transaction, of a champion that regresses when it is confirmed."""

    def __init__(self, proposed: Proposed, monkeypatch: pytest.MonkeyPatch) -> None:
        self.proposed, self.events = proposed, []
        promote = proposed.championship.promote
        proposed.shop.rounds = SimpleNamespace(
            promote=lambda number, _: promote(proposed.candidate, expected=proposed.champion, reason="seemed better")
        )
        judged = SimpleNamespace(verdict=Verdict.REGRESS, affected=("math",))
        with IncidentLog(proposed.settings.ledger) as log:
            incident = log.begin(pipeline="evolution", kind="regression", subject=proposed.candidate, detail="worse")
        watched = SimpleNamespace(judgement=judged, incident=incident)
        monkeypatch.setattr(tasks.evolution, "watch", lambda shop, generation: watched)
        monkeypatch.setattr(tasks.evolution_events, "emit_event", lambda event, **_: self.events.append(event))

    def run(self) -> str:
        @flow
        def promotes() -> None:
            shop = self.proposed.shop
            with suppress(ChampionRegressed), transaction():
                change = promote_best(shop, 4, None)
                confirm_champion(shop, 4, change)

        promotes()
        return self.proposed.championship.standing().digest

    def open_incidents(self) -> int:
        with IncidentLog(self.proposed.settings.ledger) as log:
            return len(log.open_ones("evolution"))


def test_a_promotion_that_is_not_confirmed_is_rolled_back(proposed: Proposed, monkeypatch):
    promotion = Promotion(proposed, monkeypatch)
    assert promotion.run() == proposed.champion
    assert promotion.events == ["strata.evolution.promoted", "strata.evolution.rolled-back"]
    assert promotion.open_incidents() == 0


def test_without_automated_rollback_it_stays_and_the_incident_stays_open(proposed: Proposed, monkeypatch):
    monkeypatch.setenv("EVOLUTION_AUTOMATED_ROLLBACK", "false")
    promotion = Promotion(proposed, monkeypatch)
    assert promotion.run() == proposed.candidate
    assert promotion.events == ["strata.evolution.promoted", "strata.evolution.regressed"]
    assert promotion.open_incidents() == 1
