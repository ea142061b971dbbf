"""A request gets the cross-node optimiser as far as it is rolled out, and what it took is noted."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from strata.inference.run import answering
from strata.inference.run.answering import Answer, answer
from strata.inference.run.generate import GenerationResult
from strata.inference.run.requests import Request, place_layers
from strata.rollout import Part, change_percent, stand
from strata.settings import Settings
from tests.support.nodes import mesh_of

PROMPT = [1, 2, 3]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for field in Settings.model_fields.values():
        monkeypatch.delenv(str(field.alias), raising=False)
    monkeypatch.setenv("STRATA_HOME", str(tmp_path / "home"))
    return Settings()


@pytest.mark.anyio
async def test_who_is_not_drawn_has_layers_placed_by_memory(settings: Settings, tmp_path: Path, folder: Path) -> None:
    request = Request(str(folder), (PROMPT,), mesh=tmp_path / "mesh")
    async with mesh_of(tmp_path, nodes=2) as mesh, mesh.connect() as coordinator:
        for percent in (0, 100):
            change_percent(Part.OPTIMISER, percent, settings, reason="a test", by="ann")
            plan, survey = await place_layers(coordinator, request, settings, folder, 1)
            assert (survey is None) is (percent == 0)
            assert plan.stages[-1].last == 4


@pytest.mark.parametrize(("memory", "compared"), [(1 << 20, 1), (None, 0)])
def test_what_a_request_took_is_noted_where_the_optimiser_could_matter(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch, memory: int | None, compared: int
) -> None:
    took = GenerationResult([[1, 2]], ["a"], [], 3, 2, seconds_to_first_token=0.2, seconds_per_token=0.05)
    monkeypatch.setattr(answering, "reached", lambda *_: nullcontext())
    monkeypatch.setattr(answering.trio, "run", lambda *_: Answer(folder, "float32", took))
    change_percent(Part.OPTIMISER, 50, settings, reason="a test", by="ann")
    answer(Request(str(folder), (PROMPT,), nodes=2, memory_bytes=memory, name="a"), settings)
    standing = stand(Part.OPTIMISER, settings)
    assert standing.enabled + standing.disabled == compared
