"""Reports of a real ledger and store: a generation, and a champion that was found worse and rolled back."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from strata.evolution.lineage import Championship
from strata.evolution.report import Chronicle, evolution_report, incident_report, latest_incident, report_html
from strata.store import GenerationLog, IncidentLog, Ledger, LedgerError, Store
from tests.support.lineage import spoil
from tests.support.rolled_back import Past, judged, rolled_back, scores


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Past]:
    with rolled_back(tmp_path) as made:
        yield made


def test_a_generation_is_told_by_the_ledger(past: Past) -> None:
    report = evolution_report(past.store, past.ledger)
    (generation,) = report.generations
    assert (generation.verdict, generation.ending, generation.affected) == ("promote", "rolled back", ())
    assert generation.before == pytest.approx(0.61 - 0.25 * 0.11)
    assert (generation.candidate, generation.champion) == (pytest.approx(0.6 + 0.25 * 0.1), 0.625)
    assert generation.gain is not None
    assert (generation.gain.low, generation.gain.items) == (-0.005, 1200)
    assert [(each.kind, each.detail) for each in report.failures] == [("not-finite", "NaN in lm_head")]
    assert [each.response for each in report.happenings] == [f"resolved: rolled back to base {past.founder[:12]}"]
    assert {(each.name, each.role) for each in report.family} == {("base", "champion"), ("g1-1-ties", "rolled back")}


def test_a_generation_under_way_is_told_by_its_promotion(past: Past) -> None:
    log, championship = GenerationLog(past.ledger), Championship(past.store, past.ledger)
    number = log.begin(past.founder)
    said = judged("promote")
    championship.promote(past.child, expected=past.founder, reason="again", judgement=said, generation=number)
    first, second = evolution_report(past.store, past.ledger).generations
    assert (first.ending, second.ending, second.verdict) == ("promoted", "running", "promote")
    assert second.gain == first.gain


def test_a_founder_that_is_better_somewhere_is_on_the_front(past: Past) -> None:
    front = evolution_report(past.store, past.ledger).front
    assert [(each.name, each.method, each.role) for each in front] == [
        ("g1-1-ties", "ties", "rolled back"),
        ("base", "founder", "champion"),
    ]
    assert front[1].scores == scores(0.61, math=0.5)


def test_scores_on_other_items_are_not_compared(past: Past) -> None:
    log = GenerationLog(past.ledger)
    log.finish(log.begin(past.founder), "failed", {"scored_on": {"items": 20}, "founders": {past.founder: scores(0.2)}})
    told = Chronicle(past.store, past.ledger)
    assert told.scores == {past.founder: scores(0.2)}
    assert told.search_items == 20
    assert [each.before for each in told.generations()] == [pytest.approx(0.2)] * 2


def test_lost_blobs_cost_a_report_their_figures_only(past: Past) -> None:
    for kind in ("evolution-children", "evolution-judgement"):
        ref = past.store.ref(kind, "1")
        assert ref is not None
        past.store.layout.blob(ref.digest).unlink()
    spoil(past.store, past.child, remove=True)
    (generation,) = evolution_report(past.store, past.ledger).generations
    assert (generation.verdict, generation.children) == ("promote", ())  # the promotion knows it too
    assert evolution_report(past.store, past.ledger).front[0].name == "base"


def test_a_rollback_is_explained(past: Past) -> None:
    assert latest_incident(past.ledger, "regression", past.child) == past.incident
    report = incident_report(past.store, past.ledger, past.incident)
    assert (report.title, report.verdict) == (
        f"Incident {past.incident}: regression of g1-1-ties",
        "rolled back to base",
    )
    assert report.severity == "high"
    facts = dict(report.evidence)
    assert facts["model"] == f"g1-1-ties {past.child[:12]}"
    assert facts["judged against"] == f"base {past.founder[:12]}, the champion before it"
    assert facts["items"].startswith("1,200, drawn afresh for the watch: coding 300, math 300")
    assert facts["dropped in"] == "math"
    assert f"to base {past.founder[:12]}" in facts["rolled back"]
    assert re.fullmatch(r"\d+\.\d\d s", facts["from noticing to rollback"])
    found, before = report.comparisons
    assert [(each.domain, each.outlook) for each in found.domains if each.outlook != "held"] == [("math", "lost")]
    assert {each.outlook for each in before.domains} == {"held"}
    assert [each.role for each in report.family] == ["champion", "rolled back"]
    assert report_html(report).count("<svg") == 4


def test_an_incident_that_is_open_says_so(past: Past) -> None:
    log = IncidentLog(past.ledger)
    number = log.begin(
        pipeline="evolution",
        kind="budget",
        subject="memory",
        detail="too little",
        figures={"severity": "low", "peak": 12, "by": {"merge": 0.25}, "domains": [{"domain": "math"}], "missing": []},
    )
    report = incident_report(past.store, past.ledger, number)
    assert (report.verdict, report.severity, report.comparisons) == ("open", "low", ())
    facts = dict(report.evidence)
    assert (facts["peak"], facts["by"], facts["missing"]) == ("12", "merge 0.25", "none")
    assert facts["domains"] == "domain math"
    with pytest.raises(LedgerError, match="no incident 77"):
        incident_report(past.store, past.ledger, 77)


def test_of_an_empty_ledger_there_is_a_report(tmp_path: Path) -> None:
    with Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}") as ledger:
        report = evolution_report(Store(tmp_path / "store"), ledger)
    assert (report.title, report.summary) == ("Evolution: 0 generations", "There is no champion yet.")
    report_html(report)
