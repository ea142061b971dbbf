"""A workshop whose models do not fit into this process has them answer over the nodes of its mesh."""

from pathlib import Path

import pytest
import trio

from strata.evolution.evaluate import Evaluation, ScoringFailed
from strata.evolution.rounds import Demands, Order, open_workshop
from strata.inference import Place
from strata.mesh import write_membership
from strata.store import Store
from tests.support.nodes import mesh_of

SHIPPED = Path(__file__).parents[4] / "data" / "evolution"
DEMANDS = Demands(search_items=5)


def examine(home: Path, **fields) -> Evaluation:
    """What the math specialist knows; the base, which is crowned, answers before it."""
    order = Order([SHIPPED / "math"], SHIPPED / "base", DEMANDS, workers=1, **fields)
    with open_workshop(order, home, Store(home / "store"), f"sqlite:///{home / 'ledger.sqlite'}") as shop:
        examiner = shop.parts.examiner
        items = examiner.draw("search", 3, dict.fromkeys(examiner.domains, 5))
        return examiner.examine(shop.founders["math"], items)


@pytest.mark.anyio
async def test_models_that_do_not_fit_answer_over_the_mesh(tmp_path: Path):
    expected = await trio.to_thread.run_sync(lambda: examine(tmp_path / "here"))
    async with mesh_of(tmp_path, nodes=2) as mesh:
        mesh.keys["coordinator"].save(tmp_path / "identity.json")
        write_membership(tmp_path / "mesh", mesh.membership.seal(mesh.keys["coordinator"]))
        place = Place(tmp_path / "mesh", tmp_path / "identity.json", tmp_path / "there")
        fits = await trio.to_thread.run_sync(lambda: examine(tmp_path / "fits", mesh=place, scoring_bytes=1 << 30))
        assert all(node._holding.stage is None for node in mesh.nodes.values())
        found = await trio.to_thread.run_sync(lambda: examine(tmp_path / "there", mesh=place))
        assert all(node._holding.stage is not None for node in mesh.nodes.values())
        assert fits.scores == expected.scores == found.scores
        for node in mesh.scopes.values():
            node.cancel()
        with pytest.raises(ScoringFailed):
            await trio.to_thread.run_sync(lambda: examine(tmp_path / "gone", mesh=place))
