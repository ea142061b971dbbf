"""What every scorer must do, in this process and over two nodes: the same answers, and the same failures."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import trio
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from strata.evolution.evaluate import (
    Scorer,
    ScoringFailed,
    evaluate,
    local_scorer,
    predicted_peak_bytes,
    scorer_for,
    sharded_scorer,
)
from strata.evolution.suites import DOMAINS, Item, draw
from strata.inference import LocalCluster, Place
from strata.mesh import write_membership
from strata.secure import Identity, Membership
from tests.support.nodes import mesh_of

SHIPPED = Path(__file__).parents[4] / "data" / "evolution"
FOLDER = SHIPPED / "base"
ITEMS = [item for domain in DOMAINS for item in draw(domain, "search", 0, 9, 3)]
QUESTIONS = [(item.prompt, [choice + item.stop for choice in item.choices]) for item in ITEMS]
QUESTIONS += [("rot(abcd)=", ["bcda", "b", "bcda;bcda;", "dcba;"]), ("next(", ["1"]), ("a", ["b", "ccc"]), ("ab", [])]
TOLERANCE = 1e-4  # nats: float32, summed in another order

Make = Callable[[Path], Scorer]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Two processes, which take encrypted links only."""
    with LocalCluster(tmp_path_factory.mktemp("nodes"), 2) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def place(nodes: LocalCluster, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(nodes.mesh_file, nodes.identity_file, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module", params=["local", "sharded"])
def make(request: pytest.FixtureRequest) -> Make:
    if request.param == "local":
        return lambda folder: local_scorer(folder)()
    place = request.getfixturevalue("place")
    return lambda folder: sharded_scorer(folder, place)()


@pytest.fixture(scope="module")
def scorer(make: Make) -> Scorer:
    return make(FOLDER)


@pytest.fixture(scope="module")
def reference() -> tuple[Any, Any]:
    """transformers' tokenizer and model."""
    model = AutoModelForCausalLM.from_pretrained(FOLDER, local_files_only=True, use_safetensors=True)
    return AutoTokenizer.from_pretrained(FOLDER, local_files_only=True), model.eval()


@pytest.fixture(scope="module")
def plain(reference: tuple[Any, Any]) -> list[list[float]]:
    """By transformers alone, a prompt with one option at a time."""
    tokenizer, model = reference

    @torch.inference_mode()
    def one(prompt: str, option: str) -> float:
        before, after = tokenizer(prompt)["input_ids"], tokenizer(option)["input_ids"]
        logits = model(torch.tensor([before + after])).logits[0].log_softmax(-1)
        return sum(float(logits[len(before) - 1 + place, token]) for place, token in enumerate(after))

    return [[one(prompt, option) for option in options] for prompt, options in QUESTIONS]


def test_likelihoods_are_those_of_transformers(scorer: Scorer, plain: list[list[float]]):
    for found, expected in zip(scorer.log_likelihoods(QUESTIONS), plain, strict=True):
        assert found == pytest.approx(expected, abs=TOLERANCE)
    assert scorer.log_likelihoods([]) == []


def test_writing_is_transformers_greedy_decoding(scorer: Scorer, reference: tuple[Any, Any]):
    tokenizer, model = reference
    prompts = [item.prompt for item in ITEMS[::4]]
    expected = []
    for prompt in prompts:
        ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
        out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False)
        expected.append(tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True))
    found = scorer.generate(prompts, [""] * len(prompts), 12)
    assert found == expected
    assert any(found)
    letter = next(text for text in found if text)[-1]
    assert scorer.generate(prompts, [letter] * len(prompts), 12) == [text.partition(letter)[0] for text in found]
    assert scorer.generate([], [], 12) == []


def test_items_of_all_kinds_have_the_same_results_as_in_this_process(make: Make):
    asked = [item for domain in DOMAINS for item in draw(domain, "search", 1, 5, 3)]
    asked += [
        Item(f"e{number}", item.domain, item.prompt, "exact", target=item.choices[item.answer or 0], stop=";")
        for number, item in enumerate(asked)
    ]
    model = SHIPPED / "math"
    found, expected = evaluate(lambda: make(model), "m", asked), evaluate(local_scorer(model), "m", asked)
    assert found.scores == expected.scores
    assert 0 < found.mean() < 1
    margins = [score.score for score in expected.margins]
    assert [score.score for score in found.margins] == pytest.approx(margins, abs=TOLERANCE)


def test_several_models_may_answer_in_turn(make: Make, plain: list[list[float]]):
    first, second = make(FOLDER), make(SHIPPED / "language")
    other = second.log_likelihoods(QUESTIONS[:3])
    assert first.log_likelihoods(QUESTIONS[:1])[0] == pytest.approx(plain[0], abs=TOLERANCE)
    assert second.log_likelihoods(QUESTIONS[:3])[2] == pytest.approx(other[2], abs=TOLERANCE)
    assert other[0] != pytest.approx(plain[0], abs=TOLERANCE)


def test_numbers_that_are_none_are_a_failure(make: Make, tmp_path: Path):
    shutil.copytree(FOLDER, tmp_path / "model")
    weights = load_file(FOLDER / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, tmp_path / "model" / "model.safetensors", {"format": "pt"})
    scorer = make(tmp_path / "model")
    with pytest.raises(ScoringFailed, match="not finite"):
        scorer.log_likelihoods(QUESTIONS)
    with pytest.raises(ScoringFailed, match="not finite"):
        scorer.generate(["next("], [""], 4)


def test_what_is_no_model_is_a_failure(make: Make, tmp_path: Path):
    with pytest.raises(ScoringFailed, match="the model in"):
        make(tmp_path)
    for file in FOLDER.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[:100_000])
    with pytest.raises(ScoringFailed, match="the model in"):
        make(tmp_path)


def test_weights_that_are_pickled_are_not_loaded(make: Make, tmp_path: Path):
    shutil.copytree(FOLDER, tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").unlink()
    torch.save(load_file(FOLDER / "model.safetensors"), tmp_path / "model" / "pytorch_model.bin")
    with pytest.raises(ScoringFailed, match="the model in"):
        make(tmp_path / "model").log_likelihoods(QUESTIONS[:1])


def test_what_does_not_fit_the_model_is_a_failure(scorer: Scorer):
    with pytest.raises(ScoringFailed, match="129 tokens, the model takes 128"):
        scorer.log_likelihoods([("a" * 126, ["bcd", "b"])])
    with pytest.raises(ScoringFailed, match="no tokens"):
        scorer.log_likelihoods([("a", ["b", ""])])
    with pytest.raises(ScoringFailed, match="a prompt is 128 tokens"):
        scorer.generate(["a" * 128], [""], 4)
    assert len(scorer.log_likelihoods([("a" * 125, ["bcd", "b"])])[0]) == 2


def test_a_model_answers_here_where_it_fits_and_over_the_mesh_where_not(
    place: Place, plain: list[list[float]], tmp_path: Path
):
    needed = predicted_peak_bytes(FOLDER)
    kinds = [type(scorer_for(place, limit)(FOLDER)()).__name__ for limit in (needed, needed - 1, 0)]
    assert kinds == ["LocalScorer", "ShardedScorer", "ShardedScorer"]
    found = scorer_for(place, 0)(FOLDER)().log_likelihoods(QUESTIONS[:1])
    assert found[0] == pytest.approx(plain[0], abs=TOLERANCE)
    with pytest.raises(ScoringFailed, match="holds no model"):
        scorer_for(place, 0)(tmp_path)


def test_a_mesh_that_cannot_be_reached_is_a_failure(tmp_path: Path):
    owner, node = Identity.generate(), Identity.generate()
    owner.save(tmp_path / "identity.json")
    membership = Membership.found(owner).with_member(owner.card, "coordinator", (), ("coordinator",))
    membership = membership.with_member(node.card, "a", ("127.0.0.1:1",))
    write_membership(tmp_path / "mesh", membership.seal(owner))
    place = Place(tmp_path / "mesh", tmp_path / "identity.json", tmp_path)
    with pytest.raises(ScoringFailed, match="no node of the mesh answers"):
        sharded_scorer(FOLDER, place)().log_likelihoods(QUESTIONS)
    with pytest.raises(ScoringFailed, match="there is no identity"):
        sharded_scorer(FOLDER, Place(place.mesh, tmp_path / "none", tmp_path))().generate(["a"], [""], 4)


@pytest.mark.anyio
async def test_a_node_that_dies_costs_no_answer(plain: list[list[float]], tmp_path: Path):
    async with mesh_of(tmp_path, nodes=2) as mesh:
        mesh.keys["coordinator"].save(tmp_path / "identity.json")
        write_membership(tmp_path / "mesh", mesh.membership.seal(mesh.keys["coordinator"]))
        scorer = sharded_scorer(FOLDER, Place(tmp_path / "mesh", tmp_path / "identity.json", tmp_path))()

        async def score() -> None:
            found = await trio.to_thread.run_sync(scorer.log_likelihoods, QUESTIONS)
            for values, expected in zip(found, plain, strict=True):
                assert values == pytest.approx(expected, abs=TOLERANCE)

        await score()
        mesh.scopes["b"].cancel()
        await score()
        assert await trio.to_thread.run_sync(scorer.generate, ["next(ab)=", "1+2="], ["", ";"], 3)
        mesh.scopes["a"].cancel()
        with pytest.raises(ScoringFailed, match="no node of the mesh answers"):
            await score()
