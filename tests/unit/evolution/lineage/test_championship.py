"""Promotion, approval and rollback over a real store and a real ledger."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from strata.evolution.lineage import (
    Championship,
    NeedsApproval,
    NoChampion,
    NoSoundChampion,
    StaleProposal,
    UnknownModel,
)
from strata.store import BlobCorrupt, BlobMissing, IncidentLog, Ledger, LedgerError, Lineage, PointerMoved, Store
from tests.support.lineage import enter, put_files, recipe_of, spoil


@pytest.fixture
def models(store: Store) -> list[str]:
    return [put_files(store, f"weights {index}".encode() * 100) for index in range(6)]


def promote_all(championship: Championship, models: list[str]) -> None:
    before = None
    for index, model in enumerate(models):
        championship.promote(model, expected=before, reason=f"number {index}", generation=index or None)
        before = model


def collect(store: Store, ledger: str) -> None:
    with Ledger(ledger) as log:
        store.gc(0, log.digests())


def test_a_promotion_says_why_and_keeps_the_files(championship, store, ledger, models) -> None:
    assert championship.standing() is None
    promote_all(championship, models[:1])
    change = championship.promote(
        models[1], expected=models[0], reason="better in math", judgement={"verdict": "promote"}, generation=4
    )
    assert (change.digest, change.previous, change.kind, change.generation) == (models[1], models[0], "promotion", 4)
    assert championship.standing() == change
    collect(store, ledger)
    assert store.read(change.judgement) == b'{"verdict": "promote"}'
    assert [ref.digest for ref in store.refs() if ref.kind == "champion"] == sorted(models[:2])
    assert store.verify().sound
    with pytest.raises(BlobMissing):
        championship.promote(models[2], expected=models[1], reason="collected")


def test_a_promotion_repeated_is_one_promotion(championship, models) -> None:
    promote_all(championship, models[:2])
    again = championship.promote(models[1], expected=models[0], reason="a retry")
    assert (again.revision, again.reason) == (2, "number 1")
    itself = championship.promote(models[1], expected=models[1], reason="equal to the champion")
    assert itself.revision == 2


def test_who_was_judged_against_another_champion_is_not_promoted(championship, store, family, models) -> None:
    enter(family.lineage, *models)
    promote_all(championship, models[:2])
    for expected in (models[0], models[3], None):
        with pytest.raises(PointerMoved):
            championship.promote(models[2], expected=expected, reason="late")
    assert championship.standing().digest == models[1]
    assert models[2] not in {ref.digest for ref in store.refs()}


@pytest.mark.parametrize("remove", [True, False])
def test_a_damaged_candidate_is_not_promoted(championship, store, models, remove: bool) -> None:
    promote_all(championship, models[:1])
    spoil(store, models[1], remove=remove)
    with pytest.raises(BlobMissing if remove else BlobCorrupt):
        championship.promote(models[1], expected=models[0], reason="better")
    assert championship.standing().digest == models[0]


def test_so_many_former_champions_are_kept_but_none_that_regressed(store, ledger, family, models) -> None:
    stranger, *children = models
    enter(family.lineage, *children)
    with Championship(store, ledger, depth=2) as championship:
        promote_all(championship, models)
        championship.rollback(reason="math fell", kind="regression")
        kept = {ref.digest for ref in store.refs() if ref.kind == "champion"}
        assert kept == {models[4], models[3], stranger}, "who is not of the family cannot be rebuilt"


def test_rollback_goes_back_step_by_step_and_ends_the_incident(championship, ledger, models) -> None:
    promote_all(championship, models[:3])
    with IncidentLog(ledger) as incidents:
        watch = incidents.begin(pipeline="evolution", kind="regression", subject=models[2], detail="math fell")
        rollback = championship.rollback(reason="math fell", kind="regression", figures={"math": -0.06})
        assert (rollback.left, rollback.target, rollback.generation) == (models[2], models[1], 1)
        assert (rollback.change, rollback.passed_over, rollback.rebuilt) == (championship.standing(), (), False)
        assert (rollback.change.generation, rollback.change.figures) == (1, {"math": -0.06})
        (ended,) = incidents.recent()
        assert (ended.id, ended.state, ended.response) == (watch, "resolved", f"rolled back to {models[1]}")
        assert championship.rollback(reason="as well").target == models[0]
        assert (incidents.recent()[0].kind, incidents.recent()[0].state) == ("rollback", "resolved")
        with pytest.raises(NoSoundChampion, match="there is none"):
            championship.rollback(reason="once more")
        assert incidents.recent()[0].state == "open"
    assert championship.standing().digest == models[0]


def test_a_rollback_repeated_is_one_rollback(championship, models) -> None:
    promote_all(championship, models[:3])
    first = championship.rollback(reason="fell", kind="regression", expected=models[2])
    again = championship.rollback(reason="fell", kind="regression", expected=models[2])
    assert (again.change, again.target, again.left) == (first.change, models[1], models[2])
    championship.promote(models[3], expected=models[1], reason="better")
    with pytest.raises(PointerMoved):
        championship.rollback(reason="fell", expected=models[2])
    with pytest.raises(PointerMoved):
        championship.rollback(reason="never was an undoing", expected=models[1])


def test_of_many_one_rollback_is_made_and_no_incident_stays_open(store, ledger, models) -> None:
    with Championship(store, ledger) as championship:
        promote_all(championship, models[:4])

        def race(_: int) -> str:
            with Championship(store, ledger) as mine:
                return mine.rollback(reason="fell", kind="regression", expected=models[3]).target

        with ThreadPoolExecutor(6) as pool:
            assert set(pool.map(race, range(6))) == {models[2]}
        assert (championship.standing().digest, championship.standing().revision) == (models[2], 5)
    with IncidentLog(ledger) as incidents:
        assert incidents.open_ones("evolution") == ()


def test_what_is_damaged_is_passed_over_and_told(championship, store, ledger, models) -> None:
    promote_all(championship, models[:4])
    spoil(store, models[2])
    spoil(store, models[1], remove=True)
    tried = championship.rollback(reason="try", dry_run=True)
    assert (tried.target, tried.change, championship.standing().digest) == (models[0], None, models[3])
    with IncidentLog(ledger) as incidents:
        assert incidents.recent() == ()
        rollback = championship.rollback(reason="fell", kind="regression")
        assert rollback.target == championship.standing().digest == models[0]
        assert [digest for digest, _ in rollback.passed_over] == [models[2], models[1]]
        assert "SHA-256 differs" in rollback.passed_over[0][1]
        damaged = incidents.open_ones("evolution", "damaged model")
        assert [incident.subject for incident in damaged] == [models[2], models[1]]
        put_files(store, b"weights 2" * 100)  # mends it
        championship.rollback(models[2], reason="mended")
        assert [i.subject for i in incidents.open_ones("evolution", "damaged model")] == [models[1]]


def test_what_was_asked_for_by_its_digest_is_not_replaced_by_another(championship, store, models) -> None:
    promote_all(championship, models[:4])
    spoil(store, models[1])
    with pytest.raises(NoSoundChampion, match="SHA-256 differs"):
        championship.rollback(models[1][:10], reason="wanted")
    assert championship.standing().digest == models[3]
    assert championship.rollback(1, reason="by generation").target == models[0]


def test_a_lost_champion_is_rebuilt_where_it_was_asked_for_or_no_other_is_whole(store, ledger, family, merge) -> None:
    parents = [put_files(store, text) for text in (b"one" * 50, b"two" * 50)]
    for index, parent in enumerate(parents):
        family.add_founder(parent, f"founder-{index}")
    children = []
    for seed in range(3):
        recipe = recipe_of(parents, seed)
        child = merge(recipe)
        family.add_child(child, recipe, 1, f"child-{seed}")
        children.append(child.digest)
    assert family.release() == 3
    with Championship(store, ledger, merge=merge) as championship:
        promote_all(championship, [parents[0], *children])
        spoil(store, children[0], remove=True)
        spoil(store, children[1], remove=True)
        merge.calls.clear()
        tried = championship.rollback(2, reason="by generation", dry_run=True)
        assert (tried.target, tried.rebuilt, tried.change, merge.calls) == (children[1], True, None, [])
        rollback = championship.rollback(2, reason="by generation")
        assert (rollback.target, rollback.rebuilt, rollback.passed_over) == (children[1], True, ())
        rollback = championship.rollback(reason="default")
        assert (rollback.target, rollback.rebuilt) == (parents[0], False)
        championship.promote(children[2], expected=parents[0], reason="again")
        spoil(store, children[1], remove=True)
        spoil(store, parents[0], remove=True)
        with pytest.raises(NoSoundChampion):
            championship.rollback(reason="no founder, no children")
        put_files(store, b"one" * 50)
        assert championship.rollback(children[0], reason="asked").rebuilt


def test_without_a_champion_there_is_nothing_to_roll_back(championship) -> None:
    with pytest.raises(NoChampion):
        championship.rollback(reason="none")


def test_manual_mode_promotes_nothing_without_approval(store, ledger, models) -> None:
    with Championship(store, ledger, manual=True) as championship:
        with pytest.raises(NeedsApproval):
            championship.promote(models[0], expected=None, reason="good")
        question = championship.propose(models[0], expected=None, judgement={"verdict": "promote"}, generation=1)
        assert championship.standing() is None
        collect(store, ledger)  # the candidate waits for longer than any grace period
        change = championship.approve(question, "kim", "looks right")
        assert (change.digest, change.reason, change.generation) == (models[0], "looks right", 1)
        assert store.read(change.judgement) == b'{"verdict": "promote"}'
        assert championship.approve(question, "kim") == change
        assert {ref.kind for ref in store.refs()} == {"champion"}


def test_a_rejected_candidate_is_kept_no_longer(championship, store, models) -> None:
    question = championship.propose(models[0], expected=None, judgement={})
    championship.reject(question, "kim", "no")
    assert list(store.refs()) == []
    with pytest.raises(LedgerError, match="rejected already"):
        championship.approve(question, "kim")
    with pytest.raises(LedgerError, match="no approval 7"):
        championship.approve(7, "kim")
    assert (championship.standing(), list(store.refs())) == (None, [])


def test_a_proposal_ends_with_the_champion_it_was_judged_against(championship, models) -> None:
    promote_all(championship, models[:1])
    question = championship.propose(models[1], expected=models[0], judgement={})
    championship.promote(models[2], expected=models[0], reason="quicker")
    with pytest.raises(StaleProposal, match="judged against"):
        championship.approve(question, "kim")
    assert championship.standing().digest == models[2]


def test_of_many_one_promotion_wins_and_its_files_are_kept(store, ledger, models) -> None:
    with Championship(store, ledger) as championship, Lineage(ledger) as lineage:
        enter(lineage, *models)
        promote_all(championship, models[:1])

        def race(model: str) -> bool:
            with Championship(store, ledger) as mine:
                try:
                    mine.promote(model, expected=models[0], reason=model)
                except PointerMoved:
                    return False
                return True

        with ThreadPoolExecutor(5) as pool:
            won = list(pool.map(race, models[1:]))
        assert sum(won) == 1
        winner = models[1:][won.index(True)]
        assert championship.standing().digest == winner
        assert {ref.digest for ref in store.refs()} == {models[0], winner}


def test_unknown_champions_are_named(championship, models) -> None:
    promote_all(championship, models[:2])
    with pytest.raises(UnknownModel, match="never champion"):
        championship.rollback(models[5], reason="never")
