"""Generation over real links inside one process: the tokens, the sessions, and what happens when something breaks."""

from pathlib import Path

import pytest
import torch
import trio
import trio.testing
from transformers import LlamaForCausalLM

from strata.inference.decoder.sampling import SamplingParams
from strata.inference.models.checkpoint import Checkpoint
from strata.inference.plan.profile import profile_model
from strata.inference.protocol.messages import Close, Done, Failed, Open, Refused, Sampling, Step, Tokens
from strata.inference.protocol.wire import Wire
from strata.inference.run import running_remote
from strata.inference.run.connections import status_of
from strata.inference.run.distribute import write_manifests
from strata.inference.run.errors import ContextExceeded, RequestRefused, StageFailed
from strata.inference.run.generate import GenerationParams
from strata.inference.run.local import generate_locally
from strata.inference.run.pipeline import Coordinator
from strata.mesh import INFERENCE, Direct, LinkClosed, agent, dial, read_membership
from strata.mesh.agent import Dial, ask, reached
from strata.secure import ChannelError
from tests.support.nodes import mesh_of, split, tiny_llama

pytestmark = pytest.mark.anyio

PROMPTS = [[1, 2, 3, 4], [7], [9, 8, 7, 6, 5, 4, 3], [100, 4]]
NEW = 16
SESSION = "0" * 32
SEVEN = (7).to_bytes(8, "little")  # a token id as it goes over the wire


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LlamaForCausalLM]:
    folder = tmp_path_factory.mktemp("llama") / "model"
    return folder, tiny_llama(folder)


def _expected(model: LlamaForCausalLM, prompts: list[list[int]]) -> list[list[int]]:
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(row)) + row for row in prompts])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in prompts])
    output = model.generate(ids, attention_mask=mask, max_new_tokens=NEW, do_sample=False, pad_token_id=0)
    return output[:, longest:].tolist()


@pytest.mark.parametrize("cuts", [[], [3], [1, 4], [1, 2, 3, 4]])
async def test_the_tokens_are_those_of_generate(tmp_path: Path, llama, cuts: list[int]) -> None:
    folder, model = llama
    checkpoint, params = Checkpoint.open(folder), GenerationParams(max_new_tokens=NEW)
    names = [chr(ord("a") + index) for index in range(len(cuts) + 1)]
    async with mesh_of(tmp_path, nodes=len(names)) as mesh, mesh.connect() as coordinator:
        plan = split(folder, names, cuts)
        await coordinator.distribute(checkpoint, plan)
        for prompts in (PROMPTS[:1], PROMPTS):
            result = await coordinator.generate(checkpoint, plan, prompts, params)
            assert result.token_ids == _expected(model, prompts)
            assert result.tokens == NEW * len(prompts)
            assert [stage.layers for stage in result.stages] == [(s.first, s.last) for s in plan.stages]
            assert all(stage.kv_bytes > 0 for stage in result.stages)


async def test_logits_are_those_of_the_model(tmp_path: Path, llama) -> None:
    folder, model = llama
    async with mesh_of(tmp_path) as mesh, mesh.connect() as coordinator:
        plan = split(folder, ["a", "b"], [2])
        await coordinator.distribute(Checkpoint.open(folder), plan)
        params = GenerationParams(max_new_tokens=4, want_logits=True)
        result = await coordinator.generate(Checkpoint.open(folder), plan, PROMPTS[:1], params)
    with torch.inference_mode():
        whole = model(torch.tensor([PROMPTS[0] + result.token_ids[0]])).logits[0, len(PROMPTS[0]) - 1 : -1]
    assert torch.allclose(torch.cat(result.logits), whole, atol=1e-4)


async def test_what_goes_to_a_mobile_node_takes_half_the_bytes(tmp_path: Path, llama) -> None:
    folder, model = llama
    prompt, width = [list(range(1, 33))], model.config.hidden_size
    received: list[int] = []
    for mobile in (False, True):
        async with mesh_of(tmp_path / str(mobile)) as mesh:
            mesh.nodes["b"]._mobile = mobile
            async with mesh.connect() as coordinator:
                plan = split(folder, ["a", "b"], [2])
                await coordinator.distribute(Checkpoint.open(folder), plan)
                params = GenerationParams(max_new_tokens=2, want_logits=True)
                before = await _received(coordinator, "b")
                result = await coordinator.generate(Checkpoint.open(folder), plan, prompt, params)
                received.append(await _received(coordinator, "b") - before)
        with torch.inference_mode():
            whole = model(torch.tensor([prompt[0] + result.token_ids[0]])).logits[0, len(prompt[0]) - 1 : -1]
        error = (torch.cat(result.logits) - whole).abs().max() / whole.abs().max()
        assert error < 2**-5  # of bfloat16's eight significant bits some are lost on the way through the layers
        assert mobile or error < 1e-4
    states = 33 * width  # of the prompt and of one token; what else there is to say is the same
    assert received[0] - received[1] == pytest.approx(2 * states, rel=0.05)


async def _received(coordinator: Coordinator, name: str) -> int:
    client = next(each for each in coordinator._connections.clients if each.name == name)
    return (await status_of(client)).bytes_received


async def test_keys_and_values_in_8_bits_give_the_tokens_of_one_process_that_holds_them_so(
    tmp_path: Path, llama
) -> None:
    folder, _ = llama
    profile, params = profile_model(folder, kv_cache="int8"), GenerationParams(max_new_tokens=NEW)
    async with mesh_of(tmp_path) as mesh, mesh.connect() as coordinator:
        plain = split(folder, ["a", "b"], [2])
        plan = plain.model_copy(update={"kv_cache": "int8"})
        await coordinator.distribute(Checkpoint.open(folder), plan)
        result = await coordinator.generate(Checkpoint.open(folder), plan, PROMPTS[:1], params)
        other = await coordinator.generate(Checkpoint.open(folder), plain, PROMPTS[:1], params)
    assert result.token_ids == generate_locally(folder, PROMPTS[:1], params, kv_cache="int8").token_ids
    fed = len(PROMPTS[0]) + NEW - 1
    for stage, unpacked in zip(result.stages, other.stages, strict=True):
        first, last = stage.layers
        assert stage.kv_bytes == sum(layer.kv_bytes(fed, 1) for layer in profile.layers[first : last + 1])
        assert stage.kv_bytes < 0.3 * unpacked.kv_bytes


async def test_sampling_repeats_by_its_seed_wherever_it_runs(tmp_path: Path, llama) -> None:
    folder, _ = llama
    sampling = SamplingParams(temperature=1.2, top_k=50, top_p=0.95, seed=7)
    params = GenerationParams(max_new_tokens=NEW, sampling=sampling)
    alone = generate_locally(folder, PROMPTS, params)
    async with mesh_of(tmp_path) as mesh, mesh.connect() as coordinator:
        plan = split(folder, ["b", "a"], [2])
        await coordinator.distribute(Checkpoint.open(folder), plan)
        result = await coordinator.generate(Checkpoint.open(folder), plan, PROMPTS, params)
    assert result.token_ids == alone.token_ids
    other = generate_locally(folder, PROMPTS, GenerationParams(NEW, SamplingParams(temperature=1.2, seed=8)))
    assert other.token_ids != alone.token_ids


async def test_a_row_ends_at_its_stop_token(llama) -> None:
    folder, model = llama
    free = _expected(model, PROMPTS)
    stop = free[0][3]
    params = GenerationParams(max_new_tokens=NEW, stop=frozenset({stop}))
    cut = [row[: row.index(stop) + 1] if stop in row else row for row in free]
    assert generate_locally(folder, PROMPTS, params).token_ids == cut


async def test_a_prompt_beyond_the_context_is_refused(tmp_path: Path, llama) -> None:
    folder, _ = llama
    async with mesh_of(tmp_path) as mesh, mesh.connect() as coordinator:
        plan = split(folder, ["a", "b"], [2], context=4)
        await coordinator.distribute(Checkpoint.open(folder), plan)
        with pytest.raises(ContextExceeded, match="4 tokens"):
            await coordinator.generate(Checkpoint.open(folder), plan, PROMPTS[:1])


async def test_without_a_shard_the_run_is_refused(tmp_path: Path, llama) -> None:
    folder, _ = llama
    async with mesh_of(tmp_path) as mesh, mesh.connect() as coordinator:
        with pytest.raises(RequestRefused, match="distribute it first") as error:
            await coordinator.generate(Checkpoint.open(folder), split(folder, ["a", "b"], [2]), PROMPTS[:1])
        assert error.value.code == "shard"


@pytest.mark.parametrize("victim", ["a", "b", "c"])
async def test_a_node_that_dies_mid_run_is_named_within_seconds(
    tmp_path: Path, llama, victim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = llama
    async with mesh_of(tmp_path, nodes=3) as mesh, mesh.connect() as coordinator:
        plan = split(folder, ["a", "b", "c"], [1, 3], context=200)
        await coordinator.distribute(Checkpoint.open(folder), plan)
        seen: list[int] = []
        wait_for_tokens = running_remote.RemoteRun._tokens

        async def killing(run, number, rows):
            seen.append(number)
            if number == 5:
                mesh.scopes[victim].cancel()
            return await wait_for_tokens(run, number, rows)

        monkeypatch.setattr(running_remote.RemoteRun, "_tokens", killing)
        with trio.fail_after(10), pytest.raises(StageFailed) as error:
            await coordinator.generate(Checkpoint.open(folder), plan, PROMPTS[:1], GenerationParams(max_new_tokens=99))
        assert error.value.node == victim
        assert "strata node" in str(error.value)
        assert max(seen) == 5
        await trio.testing.wait_all_tasks_blocked()
        for name in {"a", "b", "c"} - {victim}:
            assert len(mesh.nodes[name]._sessions) == 0


async def test_a_fault_in_a_stage_fails_the_run_and_not_the_node(tmp_path: Path, llama) -> None:
    folder, model = llama
    checkpoint = Checkpoint.open(folder)
    async with mesh_of(tmp_path) as mesh, mesh.connect() as coordinator:
        plan = split(folder, ["a", "b"], [2])
        await coordinator.distribute(checkpoint, plan)
        with pytest.raises(StageFailed, match=r"node a.*index out of range") as error:
            await coordinator.generate(checkpoint, plan, [[1, 999_999]])
        assert error.value.layers == (0, 1)
        result = await coordinator.generate(checkpoint, plan, PROMPTS[:1], GenerationParams(max_new_tokens=NEW))
        assert result.token_ids == _expected(model, PROMPTS[:1])


class Raw:
    """A coordinator that says whatever the test wants."""

    def __init__(self, wire: Wire, shard: str) -> None:
        self.wire = wire
        self.shard = shard

    def order(self, session: str = SESSION, kv_bytes: int = 1000, **changes) -> Open:
        fields = {
            "session": session, "shard": self.shard, "padding": (0,), "max_context": 16, "kv_bytes": kv_bytes,
            "previous": None, "following": None, "sampling": Sampling(), **changes,
        }  # fmt: skip
        return Open(**fields)

    async def ask(self, message, payload: bytes = b""):
        with trio.fail_after(10):
            await self.wire.send(message, payload)
            return (await self.wire.receive())[0]


async def _whole_on_a(mesh, folder: Path, sender: str = "coordinator") -> Raw:
    plan = split(folder, ["a"], [])
    async with mesh.connect() as coordinator:
        await coordinator.distribute(Checkpoint.open(folder), plan)
    shard = write_manifests(Checkpoint.open(folder), plan, mesh.home)[0].shard
    return Raw(Wire(await dial(mesh.keys[sender], mesh.roster(), mesh.keys["a"].peer_id, service=INFERENCE)), shard)


def _step(session: str = SESSION, number: int = 0, shape=(1, 1)) -> Step:
    return Step(session=session, number=number, shape=shape, dtype="int64")


async def test_dead_sessions_make_room_and_their_coordinator_is_told(tmp_path: Path, llama) -> None:
    async with mesh_of(tmp_path, memory_bytes=4 << 20) as mesh:
        raw = await _whole_on_a(mesh, llama[0])
        room = (4 << 20) - mesh.nodes["a"]._holding.stage.weight_bytes
        assert await raw.ask(raw.order("1" * 32, room - 10)) == Done()
        refused = await raw.ask(raw.order("2" * 32, 11))
        assert isinstance(refused, Refused)
        assert (refused.code, refused.missing_bytes) == ("memory", 1)
        mesh.nodes["a"]._sessions._dead_seconds = 0
        failed = await raw.ask(raw.order("2" * 32, 11))
        assert isinstance(failed, Failed)
        assert (failed.session, "idle" in failed.reason) == ("1" * 32, True)
        with trio.fail_after(10):
            assert (await raw.wire.receive())[0] == Done()
        assert await raw.ask(Close(session="2" * 32)) == Done()
        assert len(mesh.nodes["a"]._sessions) == 0


async def test_the_sessions_of_a_vanished_coordinator_are_closed(tmp_path: Path, llama) -> None:
    async with mesh_of(tmp_path) as mesh:
        raw = await _whole_on_a(mesh, llama[0])
        assert await raw.ask(raw.order()) == Done()
        node = mesh.nodes["a"]
        assert len(node._sessions) == 1
        raw.wire.link._socket.close()  # without a word
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert len(node._sessions) == 0


async def test_only_the_stage_before_may_send_steps(tmp_path: Path, llama) -> None:
    async with mesh_of(tmp_path) as mesh:
        raw = await _whole_on_a(mesh, llama[0])
        assert await raw.ask(raw.order()) == Done()
        for other in ("b", "rival"):
            wire = Wire(await dial(mesh.keys[other], mesh.roster(), mesh.keys["a"].peer_id, service=INFERENCE))
            await wire.send(_step(), SEVEN)
            with trio.fail_after(10), pytest.raises((LinkClosed, ChannelError)):
                await wire.receive()
        assert isinstance(await raw.ask(_step(), SEVEN), Tokens)


async def test_a_node_may_not_open_sessions(tmp_path: Path, llama) -> None:
    async with mesh_of(tmp_path) as mesh:
        raw = await _whole_on_a(mesh, llama[0], "b")
        assert (await raw.ask(raw.order())).code == "role"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"shard": "f" * 64}, "shard"),
        ({"previous": "someone"}, "session"),
        ({"following": "someone"}, "session"),
        ({"padding": (16,)}, "session"),
    ],
)
async def test_an_impossible_session_is_refused(tmp_path: Path, llama, changes, code: str) -> None:
    async with mesh_of(tmp_path) as mesh:
        raw = await _whole_on_a(mesh, llama[0])
        assert (await raw.ask(raw.order(**changes))).code == code
        assert await raw.ask(raw.order()) == Done()
        assert (await raw.ask(raw.order())).code == "session"  # it is open already


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (0, 0), (1, 17), (1 << 40, 1)])
async def test_a_step_that_does_not_fit_fails_its_session_only(tmp_path: Path, llama, shape) -> None:
    async with mesh_of(tmp_path) as mesh:
        raw = await _whole_on_a(mesh, llama[0])
        assert await raw.ask(raw.order()) == Done()
        data = bytes(8 * 17) if shape == (1, 17) else bytes(8)
        assert isinstance(await raw.ask(_step(shape=shape), data), Failed)
        assert await raw.ask(raw.order("1" * 32)) == Done()


async def test_a_shard_in_use_by_another_coordinator_stays(tmp_path: Path, llama) -> None:
    folder, _ = llama
    async with mesh_of(tmp_path) as mesh:
        raw = await _whole_on_a(mesh, folder)
        assert await raw.ask(raw.order()) == Done()
        async with mesh.connect("rival") as rival:
            with pytest.raises(RequestRefused, match=r"1 session\(s\) of others") as error:
                await rival.distribute(Checkpoint.open(folder), split(folder, ["a", "b"], [2]))
            assert error.value.code == "busy"
        assert isinstance(await raw.ask(_step(), SEVEN), Tokens)


async def test_a_survey_measures_nodes_and_links(tmp_path: Path) -> None:
    async with mesh_of(tmp_path, memory_bytes=1 << 20) as mesh, mesh.connect() as coordinator:
        survey = await coordinator.survey()
    nodes, links = survey.nodes, survey.links
    assert [(node.node, node.memory_bytes) for node in nodes] == [("a", 1 << 20), ("b", 1 << 20)]
    assert all(node.flops > 1e6 and node.bandwidth > 1e6 for node in nodes)
    assert 0 < links.latency[0][1] < 1
    assert links.bandwidth[1][0] > 1e6


async def test_an_absent_node_is_reported_and_others_are_used(tmp_path: Path, llama) -> None:
    folder, _ = llama
    async with mesh_of(tmp_path) as mesh:
        mesh.scopes["b"].cancel()
        await trio.testing.wait_all_tasks_blocked()
        async with mesh.connect() as coordinator:
            assert coordinator.nodes == ("a",)
            assert "b" in coordinator.unreachable
            with pytest.raises(StageFailed, match="node b"):
                await coordinator.distribute(Checkpoint.open(folder), split(folder, ["a", "b"], [2]))


async def test_a_link_that_broke_is_made_anew(tmp_path: Path, llama) -> None:
    folder, model = llama
    checkpoint, plan = Checkpoint.open(folder), split(folder, ["a", "b"], [2])
    async with mesh_of(tmp_path) as mesh, mesh.connect() as coordinator:
        await coordinator.distribute(checkpoint, plan)
        for client in coordinator._connections.clients:
            await client.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert coordinator.nodes == ()
        result = await coordinator.generate(checkpoint, plan, PROMPTS[:1], GenerationParams(max_new_tokens=NEW))
        assert result.token_ids == _expected(model, PROMPTS[:1])


async def test_a_newer_membership_serves_both_services_of_a_node_whichever_it_came_to(tmp_path: Path) -> None:
    async with mesh_of(tmp_path) as mesh:
        owner = mesh.keys["coordinator"]
        lacking = mesh.membership.without(mesh.keys["b"].peer_id)
        file = tmp_path / "a.home" / "mesh"
        transport = Direct(owner, mesh.roster())
        async with reached(transport, mesh.keys["a"].peer_id) as wire:
            await ask(wire, Dial(peer=mesh.keys["b"].peer_id), agent.Done, seconds=5)
            await ask(wire, agent.Update(), agent.Done, mesh.membership.seal(owner), seconds=5)  # nothing new
            assert not file.exists()
            assert mesh.nodes["a"]._transport._roster.membership.version == mesh.membership.version
            async with Coordinator.connect(owner, mesh.roster(), tmp_path, lacking.seal(owner)):
                status = await ask(wire, agent.GetStatus(), agent.Status, seconds=5)
            assert (status.membership, status.told) == (lacking.version, ())
            assert read_membership(file) == lacking
            newer = lacking.without(mesh.keys["rival"].peer_id)
            await ask(wire, agent.Update(), agent.Done, newer.seal(owner), seconds=5)
            assert mesh.nodes["a"]._transport._roster.membership == newer


async def test_a_newer_membership_is_brought_to_the_nodes(tmp_path: Path) -> None:
    async with mesh_of(tmp_path) as mesh:
        newer = mesh.membership = mesh.membership.without(mesh.keys["rival"].peer_id)
        owner = mesh.keys["coordinator"]
        async with Coordinator.connect(owner, mesh.roster(), tmp_path, newer.seal(owner)):
            for node in mesh.nodes.values():
                assert node._transport._roster.membership.version == newer.version
