"""Log-probabilities over nodes are the whole model's, and every continuation of every prompt is asked for once."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from strata.inference.decoder.tiny import shrink, tiny_model
from strata.inference.models.checkpoint import Checkpoint
from strata.inference.plan import Infeasible
from strata.inference.plan.nodes import NodeProfile
from strata.inference.plan.profile import profile_model
from strata.inference.run import scoring
from strata.inference.run.errors import ContextExceeded, RequestRefused, StageFailed
from strata.inference.run.scoring import (
    MOST_CONTINUATIONS,
    MOST_LOGITS,
    MOST_ROWS,
    MOST_TOKENS,
    Question,
    RemoteScoring,
    gather,
    make_batches,
    scoring_plan,
)
from tests.support.nodes import mesh_of, split, tiny_llama

# Prompts of one token and of many, none and many continuations, some of which are the beginning of others.
QUESTIONS: list[Question] = [
    ([5], [[6], [7, 8, 9], [6, 6]]),
    ([1, 2, 3, 4, 5, 6, 7], [[8], [8, 9]]),
    ([9, 9], []),
    ([3, 1] * 20, [[2], [3, 1], [4, 1, 5, 9, 2, 6, 5, 3]]),
    ([11, 12, 13], [[14, 15, 16, 17]]),
]


@torch.inference_mode()
def alone(model: PreTrainedModel, questions: list[Question]) -> list[list[float]]:
    """By the whole model, a prompt with one continuation at a time."""

    def one(prompt, option) -> float:
        values = model(torch.tensor([[*prompt, *option]])).logits[0].double().log_softmax(-1)
        return sum(float(values[len(prompt) - 1 + place, token]) for place, token in enumerate(option))

    return [[one(prompt, option) for option in options] for prompt, options in questions]


def assert_close(found: list[list[float]], expected: list[list[float]]) -> None:
    assert [len(values) for values in found] == [len(values) for values in expected]
    for values, right in zip(found, expected, strict=True):
        assert values == pytest.approx(right, abs=1e-3)


@pytest.mark.anyio
async def test_what_nodes_say_is_what_the_whole_model_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_llama(tmp_path / "model")
    checkpoint, expected = Checkpoint.open(tmp_path / "model"), alone(model, QUESTIONS)
    async with mesh_of(tmp_path, nodes=3) as mesh, mesh.connect() as coordinator:
        plan = split(checkpoint.path, ["a", "b", "c"], [1, 3])
        with pytest.raises(RequestRefused) as refusal:
            await coordinator.log_probabilities(checkpoint, plan, QUESTIONS)
        assert refusal.value.code == "shard"
        await coordinator.distribute(checkpoint, plan)
        assert_close(await coordinator.log_probabilities(checkpoint, plan, QUESTIONS), expected)
        assert await coordinator.log_probabilities(checkpoint, plan, []) == []
        monkeypatch.setattr(scoring, "MOST_ROWS", 1)
        assert_close(await coordinator.log_probabilities(checkpoint, plan, QUESTIONS), expected)
        assert all(not node._sessions for node in mesh.nodes.values())


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["gemma2", "mamba"])
async def test_a_model_that_cannot_go_back_says_the_same(tmp_path: Path, kind: str) -> None:
    model = tiny_model(shrink(CONFIG_MAPPING[kind]()))
    model.save_pretrained(tmp_path / kind)
    checkpoint = Checkpoint.open(tmp_path / kind)
    async with mesh_of(tmp_path, nodes=2) as mesh, mesh.connect() as coordinator:
        plan = split(checkpoint.path, ["a", "b"], [3])
        await coordinator.distribute(checkpoint, plan)
        assert_close(await coordinator.log_probabilities(checkpoint, plan, QUESTIONS), alone(model, QUESTIONS))


@pytest.mark.anyio
async def test_a_node_that_dies_fails_the_whole_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_llama(tmp_path / "model")
    checkpoint = Checkpoint.open(tmp_path / "model")
    async with mesh_of(tmp_path, nodes=2) as mesh, mesh.connect() as coordinator:
        plan = split(checkpoint.path, ["a", "b"], [2])
        await coordinator.distribute(checkpoint, plan)
        wait = RemoteScoring._sums

        async def killing(run: RemoteScoring, number: int):
            mesh.scopes["b"].cancel()
            await wait(run, number)
            return await wait(run, number + 1000)  # should it have answered before it died

        monkeypatch.setattr(RemoteScoring, "_sums", killing)
        with pytest.raises(StageFailed) as failure:
            await coordinator.log_probabilities(checkpoint, plan, QUESTIONS)
        assert failure.value.node == "b"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("question", "reason"),
    [
        (([], [[1]]), "no tokens"),
        (([1], [[1], []]), "no tokens"),
        (([1] * 255, [[1], [1, 2]]), "257 tokens, the model takes 256"),
        (([1], [[2]] * (MOST_CONTINUATIONS + 1)), "129 continuations"),
        (([1], [[256]]), "none of the model's 256"),
        (([-1], [[2]]), "none of the model's 256"),
    ],
)
async def test_what_the_model_cannot_take_is_refused(tmp_path: Path, question: Question, reason: str) -> None:
    tiny_llama(tmp_path / "model")
    checkpoint = Checkpoint.open(tmp_path / "model")
    async with mesh_of(tmp_path, nodes=1) as mesh, mesh.connect() as coordinator:
        plan = split(checkpoint.path, ["a"], [])
        with pytest.raises(ContextExceeded, match=reason):
            await coordinator.log_probabilities(checkpoint, plan, [([1], [[2]]), question])


def test_a_plan_leaves_room_for_logits(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "model")
    profile = profile_model(tmp_path / "model", "float32")
    plan = scoring_plan(profile, [NodeProfile(name, 100 << 20, 1.0, 1.0) for name in "ab"])
    assert [stage.node for stage in plan.stages] == ["a", "b"]
    assert plan.context * plan.batch >= MOST_TOKENS
    with pytest.raises(Infeasible):
        scoring_plan(profile, [NodeProfile("a", 40 << 20, 1.0, 1.0)])


TOKENS = st.lists(st.integers(0, 99), min_size=1, max_size=40)
ASKED = st.lists(st.tuples(TOKENS, st.lists(TOKENS, max_size=5)), max_size=80)


@given(questions=ASKED, shared=st.booleans(), vocabulary=st.sampled_from([100, 100_000]))
def test_every_continuation_is_a_target_once_behind_its_prompt(
    questions: list[Question], shared: bool, vocabulary: int
) -> None:
    batches = make_batches(questions, shared, vocabulary)
    sums = []
    for batch in batches:
        assert len(batch.rows) <= MOST_ROWS
        assert len(batch.rows) == 1 or len(batch.rows) * batch.context <= MOST_TOKENS
        assert len(batch.rows) == 1 or len(batch.rows) * batch.positions * vocabulary <= MOST_LOGITS
        fed = [[] for _ in batch.rows]
        rows = [[] for _ in batch.rows]
        for tokens, step in batch.steps():
            start = len(fed[0]) if step.start is None else step.start
            fed = [row[:start] + more for row, more in zip(fed, tokens, strict=True)]
            assert len({len(row) for row in fed}) == 1
            assert len(fed[0]) <= batch.context
            longest = max(map(len, step.targets), default=0)
            for index, targets in enumerate(step.targets):
                if targets:
                    pad = batch.padding[index]
                    before = fed[index][pad : len(fed[index]) - longest + 1]
                    seen = fed[index][pad : len(fed[index]) - longest + len(targets)]
                    # What the model has seen when it is asked for the last target is the prompt and the others.
                    assert before == list(batch.rows[index].prompt)
                    assert seen == before + list(targets[:-1])
                    rows[index].append(float(hash((tuple(before), targets))))
        sums.append(rows)
    expected = [[float(hash((tuple(prompt), tuple(option)))) for option in options] for prompt, options in questions]
    assert gather(questions, batches, sums) == expected
