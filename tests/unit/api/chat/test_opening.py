"""A fleet that is not ready, gets ready, and is closed while it answers."""

from pathlib import Path
from typing import Any

import pytest
import trio

from strata.api import FleetUnavailable, Piece, Prompt, open_fleet
from strata.api.fleet import opening
from strata.errors import StrataError
from strata.inference import Checkpoint, GenerationParams, generate_locally
from strata.store import IncidentLog
from tests.support.fleet import fleet_of
from tests.support.opened_fleet import real_fleet, settings_at, tiny_model
from tests.support.scripted_fleet import NAME

pytestmark = pytest.mark.anyio

TELL = Prompt(NAME, text="tell me a story", max_new_tokens=40)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models"))


async def test_it_says_why_it_cannot_answer_and_answers_once_it_can(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "RETRY_SECONDS", 0.01)
    later = tmp_path / "later" / NAME
    async with fleet_of(tmp_path, ["a", "b"]) as nodes:
        where = {"mesh": nodes.mesh, "identity": nodes.home / "identity.json"}
        async with open_fleet(settings_at(nodes.home), model=str(later), context=64, **where) as fleet:
            with pytest.raises(FleetUnavailable, match="it is starting"):
                await fleet.nodes()
            assert fleet.models() == ()
            with trio.fail_after(30):
                while True:
                    with pytest.raises(FleetUnavailable) as refused:
                        await fleet.plan()
                    if "no model" in str(refused.value):
                        break
                    await trio.sleep(0)
                later.parent.mkdir()
                later.symlink_to(model)
                await fleet.ready()
                async with fleet.answer(TELL) as pieces:
                    assert [piece async for piece in pieces][-1].tokens == 40
        assert fleet.models() == ()
        with pytest.raises(FleetUnavailable, match="closing"):
            await fleet.nodes()


@pytest.mark.parametrize("flag", ["ARCHAEOLOGICAL_PHASE_2_ENABLED", "ARCHAEOLOGICAL_DISTRIBUTED_INFERENCE"])
async def test_switched_off_it_says_so(tmp_path: Path, model: Path, flag: str) -> None:
    async with open_fleet(settings_at(tmp_path, **{flag: False}), model=str(model), nodes=1) as fleet:
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(FleetUnavailable, match="switched off"):
            await fleet.nodes()


@pytest.mark.parametrize("where", [{}, {"nodes": 1, "mesh": Path("mesh")}])
async def test_it_is_said_where_it_is(tmp_path: Path, where: dict[str, Any]) -> None:
    with pytest.raises(StrataError, match="name one"):
        async with open_fleet(settings_at(tmp_path), model="tiny", **where):
            pass


async def test_closing_it_ends_answers_with_a_reason(tmp_path: Path, model: Path) -> None:
    begun, ended = trio.Event(), trio.Event()
    async with trio.open_nursery() as nursery:

        async def ask(fleet: Any) -> None:
            async with fleet.answer(TELL) as pieces:
                await anext(pieces)
                begun.set()
                with pytest.raises(FleetUnavailable, match="closed before"):
                    await anext(pieces)
            ended.set()

        async with real_fleet(tmp_path, model) as fleet:
            fleet._running.coordinator.generate = _beginning_only
            nursery.start_soon(ask, fleet)
            await begun.wait()
        with trio.fail_after(5):
            await ended.wait()


async def test_it_says_what_one_process_would(tmp_path: Path, model: Path) -> None:
    params = GenerationParams(max_new_tokens=TELL.max_new_tokens, chat=False)
    alone = generate_locally(Checkpoint.open(model).path, [TELL.text], params)
    async with real_fleet(tmp_path, model) as fleet, fleet.answer(TELL) as pieces:
        said: list[Piece] = [piece async for piece in pieces]
    assert "".join(piece.text for piece in said) == alone.text[0]
    assert said[-1].prompt_tokens == alone.prompt_tokens


async def test_a_lost_node_is_told_to_every_reader_and_is_one_incident(tmp_path: Path, model: Path) -> None:
    """Two answers at a time meet the same failure; both go on with the same text."""
    settings = settings_at(tmp_path / "home")
    async with real_fleet(tmp_path, model) as fleet:
        async with fleet.answer(TELL) as pieces:
            whole = "".join([piece.text async for piece in pieces])
        running = fleet._running
        (client,) = [each for each in running.coordinator._connections.clients if each.name == "b"]
        heard: list[list[Piece]] = [[], []]
        halfway = 0

        async def ask(number: int) -> None:
            nonlocal halfway
            async with fleet.answer(TELL) as pieces:
                async for piece in pieces:
                    heard[number].append(piece)
                    if len(heard[number]) == 3:
                        halfway += 1
                        if halfway == 2:
                            await client.aclose()

        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, 0)
                nursery.start_soon(ask, 1)
    for said in heard:
        assert "".join(piece.text for piece in said) == whole
        (recovery,) = [piece.recovery for piece in said if piece.recovery is not None]
        assert recovery.node == "b"
        assert said[-1].figures["recoveries"] == 1
    with IncidentLog(settings.ledger) as log:
        assert [(incident.subject, incident.kind) for incident in log.recent()] == [("b", "stage failed")]


async def test_leaving_does_not_wait_for_the_end(tmp_path: Path, model: Path) -> None:
    async with real_fleet(tmp_path, model) as fleet:
        fleet._running.coordinator.generate = _beginning_only
        with trio.fail_after(5):
            async with fleet.answer(TELL) as pieces:
                assert (await anext(pieces)).text == "a beginning"


async def _beginning_only(_checkpoint: Any, _plan: Any, _tokens: Any, _params: Any, on_text: Any, **_how: Any) -> None:
    on_text(0, "a beginning")
    await trio.sleep_forever()
