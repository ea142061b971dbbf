"""Several prompts of one request: a session each, and one result, one journal and one record of what fails."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from strata.inference.decoder.sampling import SamplingParams
from strata.inference.models.checkpoint import Checkpoint
from strata.inference.run import mesh_nodes
from strata.inference.run.decoding import Decoding
from strata.inference.run.errors import ContextExceeded, StageFailed
from strata.inference.run.generate import GenerationParams, GenerationResult, Recovery, StageResult
from strata.inference.run.journal import Journal
from strata.inference.run.local import generate_locally
from strata.inference.run.running_remote import RemoteRun
from strata.inference.run.several import answer_prompts, together
from strata.inference.run.told import Telling, Told
from strata.store import AnswerLog, LedgerError
from tests.support.nodes import mesh_of, split
from tests.unit.inference.run.test_failover import Notes

pytestmark = pytest.mark.anyio

PROMPTS = [[1, 2, 3, 4], [7], [9, 8, 7, 6, 5, 4, 3], [100, 4]]
GREEDY = GenerationParams(max_new_tokens=20)
DRAWN = replace(GREEDY, sampling=SamplingParams(temperature=0.9, top_k=40, seed=3))


@pytest.fixture(scope="module")
def one_batch(folder: Path) -> dict[GenerationParams, list[list[int]]]:
    """What one process answers to all of them as a batch."""
    return {params: generate_locally(folder, PROMPTS, params).token_ids for params in (GREEDY, DRAWN)}


@pytest.fixture
def after_tokens(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], None]], None]:
    """Have something happen once when so many tokens of all rows have come."""
    actions: dict[int, Callable[[], None]] = {}
    accept, count = Decoding.accept, 0

    def watched(decoding: Decoding, tokens: list[int]) -> list[list[int]]:
        nonlocal count
        following = accept(decoding, tokens)
        count += 1
        if action := actions.pop(count, None):
            action()
        return following

    monkeypatch.setattr(Decoding, "accept", watched)
    return actions.__setitem__


async def _answer(
    tmp_path: Path, folder: Path, params: GenerationParams, *, nodes: int = 2, cuts=(2,), after=None, context=64, **how
) -> GenerationResult:
    checkpoint = Checkpoint.open(folder)
    plan = split(folder, "abc"[: len(cuts) + 1], cuts, context=context)
    async with mesh_of(tmp_path, nodes=nodes) as mesh, mesh.connect() as coordinator:
        await coordinator.distribute(checkpoint, plan)
        if after is not None:
            after(mesh)
        return await answer_prompts(coordinator, checkpoint, plan, PROMPTS, params, **how)


@pytest.mark.parametrize("params", [GREEDY, DRAWN], ids=["greedy", "drawn"])
async def test_they_run_side_by_side_with_the_tokens_of_a_batch(
    tmp_path: Path, folder: Path, one_batch, params: GenerationParams
) -> None:
    at_once: list[int] = []
    padding: set[tuple[int, ...]] = set()

    def look(mesh) -> None:
        sessions = mesh.nodes["a"]._sessions
        add = sessions.add

        def added(name, owner, nbytes, run, now) -> None:
            add(name, owner, nbytes, run, now)
            at_once.append(len(sessions))
            padding.add(run.order.padding)

        sessions.add = added

    result = await _answer(tmp_path, folder, params, after=look)
    assert result.token_ids == one_batch[params]
    assert max(at_once) == len(PROMPTS)
    assert padding == {(0,)}
    assert (result.tokens, result.prompt_tokens) == (80, 14)
    assert [stage.layers for stage in result.stages] == [(0, 1), (2, 4)]
    assert 0 < result.seconds_to_first_token < result.seconds
    assert result.seconds_per_token > 0


async def test_the_context_bounds_them_as_it_does_a_batch(tmp_path: Path, folder: Path, one_batch) -> None:
    result = await _answer(tmp_path, folder, replace(GREEDY, context=12))
    assert result.token_ids == [row[:5] for row in one_batch[GREEDY]]
    with pytest.raises(ContextExceeded, match="7 tokens"):
        await _answer(tmp_path, folder, replace(GREEDY, context=7))


async def test_logits_come_as_of_one_batch(tmp_path: Path, folder: Path, one_batch) -> None:
    result = await _answer(tmp_path, folder, replace(GREEDY, max_new_tokens=3, want_logits=True))
    assert [tuple(logits.shape) for logits in result.logits] == [(4, 256)] * 3


async def test_a_node_that_dies_is_one_failure_and_one_recovery(
    tmp_path: Path, folder: Path, one_batch, after_tokens
) -> None:
    notes = Notes()
    result = await _answer(
        tmp_path, folder, DRAWN, nodes=4, cuts=[1, 3], watcher=notes,
        after=lambda mesh: after_tokens(25, mesh.scopes["b"].cancel),
    )  # fmt: skip
    assert result.token_ids == one_batch[DRAWN]
    assert [failure.node for failure in notes.failures] == ["b"]
    assert notes.responses == {0: "moved 2 layer(s) from 1 on to d"}
    assert not notes.abandoned
    (recovery,) = result.recoveries
    assert (recovery.node, recovery.response, recovery.incident) == ("b", notes.responses[0], 0)
    assert [stage.node for stage in result.stages] == ["a", "d", "c"]


async def test_in_this_process_they_go_on_one_after_the_other(
    tmp_path: Path, folder: Path, one_batch, after_tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode, models = mesh_nodes.decode_locally, []

    def counting(*arguments):
        models.append(len(models))
        try:
            assert len(models) == 1
            return decode(*arguments)
        finally:
            models.pop()

    monkeypatch.setattr(mesh_nodes, "decode_locally", counting)
    result = await _answer(
        tmp_path, folder, GREEDY, watcher=Notes(),
        after=lambda mesh: after_tokens(9, lambda: [scope.cancel() for scope in mesh.scopes.values()]),
    )  # fmt: skip
    assert result.token_ids == one_batch[GREEDY]
    assert [stage.node for stage in result.stages] == ["this process"]


async def test_a_journal_goes_on_with_every_row_from_where_it_was(
    tmp_path: Path, folder: Path, one_batch, after_tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = trio.CancelScope()
    with AnswerLog(f"sqlite:///{tmp_path / 'ledger.db'}") as log:

        def cut_off() -> None:
            log.save(
                "four",
                [row[:count] for row, count in zip(one_batch[DRAWN], (2, 20, 0, 5), strict=True)],
                finished=False,
            )
            scope.cancel()

        with scope:
            await _answer(
                tmp_path / "one", folder, DRAWN, after=lambda _: after_tokens(9, cut_off), journal=Journal(log, "four")
            )
        assert scope.cancelled_caught
        computed: list[int] = []
        tokens = RemoteRun._tokens

        async def counting(run, number, rows):
            computed.append(rows)
            return await tokens(run, number, rows)

        monkeypatch.setattr(RemoteRun, "_tokens", counting)
        again = await _answer(tmp_path / "two", folder, DRAWN, journal=Journal(log, "four"))
        assert sum(computed) == 18 + 0 + 20 + 15
        assert again.token_ids == one_batch[DRAWN]
        assert (log.find("four").finished, log.find("four").tokens) == (True, one_batch[DRAWN])
        with pytest.raises(LedgerError, match="another request"):
            await _answer(tmp_path / "three", folder, GREEDY, journal=Journal(log, "four"))


def _result(tokens: int, *, waited: float, first: float, each: float, node: str = "a", peak: int = 1, **more):
    return GenerationResult(
        token_ids=[[5] * tokens],
        text=[str(tokens)],
        stages=[StageResult(node, (0, 4), peak, 1, 1, peak, peak, peak)],
        prompt_tokens=3,
        tokens=tokens,
        seconds_to_first_token=first,
        seconds_per_token=each,
        seconds=first + (tokens - 1) * each,
        waited=waited,
        **more,
    )


def test_the_clock_of_all_starts_with_the_first_of_them() -> None:
    early = _result(11, waited=1.0, first=0.5, each=0.1, peak=7)
    late = _result(2, waited=3.0, first=0.5, each=0.4, peak=4)
    both = together([early, late])
    assert both.waited == 1.0
    assert both.seconds_to_first_token == pytest.approx((0.5 + 2.5) / 2)
    assert both.seconds == pytest.approx(2.0 + 0.9)
    assert both.seconds_per_token == pytest.approx((10 * 0.1 + 0.4) / 11)
    assert (both.text, both.tokens, both.prompt_tokens) == (["11", "2"], 13, 6)
    assert (both.stages[0].peak_rss_bytes, both.stages[0].bytes_sent) == (7, 7)
    assert together([early]) == early


def test_stages_are_those_that_held_the_layers_at_the_end() -> None:
    before = _result(2, waited=0.0, first=0.1, each=0.1, node="a", peak=9)
    after = _result(9, waited=0.0, first=0.1, each=0.1, node="b", peak=3)
    assert [(stage.node, stage.peak_rss_bytes) for stage in together([before, after]).stages] == [("b", 3)]


def test_what_several_survived_is_told_once_with_the_longest_pause() -> None:
    def met(seconds: float, incident: int | None) -> Recovery:
        return Recovery("b", (1, 2), "its link ended", "moved", seconds, incident)

    base = {"waited": 0.0, "first": 0.1, "each": 0.1}
    both = together(
        [_result(2, **base, recoveries=[met(1.0, 7), met(2.0, 8)]), _result(2, **base, recoveries=[met(3.0, 7)])]
    )
    assert [(recovery.incident, recovery.seconds) for recovery in both.recoveries] == [(7, 3.0), (8, 2.0)]


async def test_one_that_ends_otherwise_than_the_others_is_an_incident_of_its_own() -> None:
    notes, failure = Notes(), StageFailed("b", (1, 2), "gone")
    told = Told(notes)
    first, second, third = [await told.failed(failure, 0) for _ in range(3)]
    assert first is second is third
    assert await told.failed(failure, 1) is not first
    assert await told.recovered(first, failure, "moved to d", 1.0) == "moved to d"
    assert await told.recovered(second, failure, "the layers had been moved already", 2.0) == "moved to d"
    await told.gave_up(third, failure, "the generation did not go on")
    assert notes.responses == {0: "moved to d"}
    assert notes.abandoned == {2: "the generation did not go on"}


async def test_generations_at_the_same_time_tell_of_a_failure_once() -> None:
    telling, notes, failure = Telling(), Notes(), StageFailed("b", (1, 2), "gone")
    with telling.told("plan", notes) as first:
        with telling.told("plan", notes) as second, telling.told("another plan", notes) as other:
            assert await first.failed(failure, 0) is await second.failed(failure, 0)
            assert await other.failed(failure, 0) is not await first.failed(failure, 0)
        with telling.told("plan", notes) as third, telling.told("plan", Notes()) as theirs:
            assert third is first
            assert theirs is not first
    with telling.told("plan", notes) as later:
        assert later is not first
    assert len(notes.failures) == 2
