"""Generations, models, approvals and the champion: what is entered is found, and ends once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from strata.store import (
    Approvals,
    ChampionLog,
    Explanation,
    GenerationLog,
    IncidentLog,
    InvalidName,
    Ledger,
    LedgerError,
    Lineage,
    ModelRecord,
    PointerMoved,
)

A, B, C, D, E = (letter * 64 for letter in "abcde")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def model(digest: str, *parents: str, generation: int = 1) -> ModelRecord:
    if not parents:
        return ModelRecord(digest, f"founder-{digest[0]}", None, None, None, "", [], NOW)
    return ModelRecord(digest, f"child-{digest[0]}", generation, E, 2**40, "mergekit 0.1.5", list(parents), NOW)


def test_a_generation_goes_from_its_beginning_to_one_end(any_url: str) -> None:
    with GenerationLog(any_url) as log:
        first, second = log.begin(None, {"children": 8}), log.begin(A)
        log.save(first, {"children": 8, "merged": 3})
        assert log.find(first).figures == {"children": 8, "merged": 3}
        log.finish(first, "promoted", {"best": 0.7}, strategy=B)
        for again in (lambda: log.finish(first, "kept", {}), lambda: log.save(first, {}), lambda: log.save(99, {})):
            with pytest.raises(LedgerError, match="is not running"):
                again()
        found = log.find(first)
        assert (found.state, found.figures, found.strategy, found.champion) == ("promoted", {"best": 0.7}, B, None)
        assert found.started <= found.finished
        assert [generation.id for generation in log.recent()] == [second, first]
        assert [generation.id for generation in log.recent(state="running")] == [second]
        log.finish(second, "kept", {})
        assert log.latest_strategy() == B
        assert log.find(99) is None


def test_models_know_their_parents_in_order_and_the_first_entry_stays(any_url: str) -> None:
    with Lineage(any_url) as lineage:
        for record in (model(A), model(B), model(C, B, A), model(D, C, A, generation=2)):
            assert lineage.add(record) == record
        assert lineage.add(model(C, A, B, generation=7)) == model(C, B, A)
        assert lineage.find(C).parents == [B, A]
        assert lineage.founders() == (model(A), model(B))
        assert lineage.of_generation(2) == (model(D, C, A, generation=2),)
        order = [record.digest for record in lineage.ancestry(D)]
        assert (set(order), order[-2:]) == ({A, B, C, D}, [C, D])
        assert [m.digest for m in (*lineage.matching("child-c"), *lineage.matching("aaaa"))] == [C, A]
        assert lineage.matching("%") == ()
        with pytest.raises(LedgerError, match="unknown parent e"):
            lineage.add(model("f" * 64, A, E))
        with pytest.raises(LedgerError, match="no model e"):
            lineage.ancestry(E)
        with pytest.raises(InvalidName):
            lineage.add(model("../x"))


def test_a_question_is_asked_once_and_decided_once(any_url: str) -> None:
    with Approvals(any_url) as approvals:
        first = approvals.propose(B, A, {"verdict": "inconclusive"}, generation=4)
        assert approvals.propose(B, A, {"verdict": "inconclusive"}) == first
        second = approvals.propose(B, C, {})
        assert [approval.id for approval in approvals.pending()] == [first, second]
        approvals.reject(first, "kim", "too risky")
        with pytest.raises(LedgerError, match=f"approval {first} is rejected already"):
            approvals.reject(first, "kim", "again")
        with pytest.raises(LedgerError, match="there is no approval 99"):
            approvals.reject(99, "kim", "")
        found = approvals.get(first)
        assert (found.state, found.decided_by, found.reason, found.generation) == ("rejected", "kim", "too risky", 4)
        assert found.judgement == {"verdict": "inconclusive"}
        assert found.proposed <= found.decided
        assert approvals.propose(B, A, {}) not in (first, second)


def test_a_change_of_champion_carries_its_reason_its_approval_and_its_incident(any_url: str) -> None:
    with ChampionLog(any_url) as champions, Approvals(any_url) as approvals, IncidentLog(any_url) as incidents:
        assert champions.standing() is None
        champions.move(A, expected=None, why=Explanation("promotion", "the first"))
        question = approvals.propose(B, A, {})
        champions.move(
            B, expected=A, why=Explanation("promotion", "better", 3, judgement=C, approval=(question, "kim"))
        )
        assert (approvals.get(question).state, approvals.get(question).decided_by) == ("approved", "kim")
        incident = incidents.begin(pipeline="evolution", kind="regression", subject=B, detail="math fell")
        why = Explanation("regression", "math fell", figures={"low": -0.06}, incident=(incident, "rolled back"))
        pointer = champions.move(A, expected=B, why=why)
        assert champions.standing() == pointer
        assert incidents.recent()[0].response == "rolled back"
        latest, promotion, first = champions.history()
        assert (latest.revision, latest.digest, latest.previous, latest.kind) == (3, A, B, "regression")
        assert (promotion.generation, promotion.judgement, promotion.reason) == (3, C, "better")
        assert (first.previous, latest.figures) == (None, {"low": -0.06})


@pytest.mark.parametrize("spoilt", ["approval", "incident", "expected"])
def test_a_change_whose_explanation_does_not_hold_is_not_made(any_url: str, spoilt: str) -> None:
    with ChampionLog(any_url) as champions:
        champions.move(A, expected=None, why=Explanation("promotion", "the first"))
        before = champions.history()
        approval, incident = (99, "kim") if spoilt == "approval" else None, (99, "x") if spoilt == "incident" else None
        with pytest.raises(PointerMoved if spoilt == "expected" else LedgerError):
            champions.move(
                B,
                expected=C if spoilt == "expected" else A,
                why=Explanation("promotion", "", approval=approval, incident=incident),
            )
        assert champions.history() == before
        assert champions.standing().digest == A


def test_of_many_threads_one_changes_the_champion(any_url: str) -> None:
    with ChampionLog(any_url) as champions:
        champions.move(A, expected=None, why=Explanation("promotion", "the first"))

        def race(index: int) -> bool:
            try:
                champions.move(f"{index:064x}", expected=A, why=Explanation("promotion", str(index)))
            except PointerMoved:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(race, range(8)))
        assert sum(won) == 1
        assert champions.history()[0].reason == str(won.index(True))
        assert len(champions.history()) == 2


def test_a_collection_spares_what_the_tables_name(any_url: str) -> None:
    blobs = [f"{index:064x}" for index in range(20)]
    with ChampionLog(any_url) as champions, Lineage(any_url) as lineage, GenerationLog(any_url) as generations:
        champions.move(A, expected=None, why=Explanation("promotion", "", judgement=blobs[0]))
        lineage.add(model(A))
        lineage.add(model(B, A))
        for strategy in blobs[1:5]:
            generations.finish(generations.begin(A), "kept", {}, strategy)
    with Ledger(any_url) as ledger:
        assert ledger.digests(depth=2) == {A, E, blobs[0], blobs[3], blobs[4]}
