"""Which layers the streaming baseline keeps."""

import pytest

from tests.benchmarks.support.resident import BUFFERS, Residency, plan_residency


def test_all_layers_stay_where_they_fit():
    assert plan_residency(22, 100, 2200) == Residency(tuple(range(22)), ())


def test_one_byte_less_and_the_buffers_take_the_place_of_two():
    plan = plan_residency(22, 100, 2199)
    assert plan is not None
    assert len(plan.resident) == 21 - BUFFERS


def test_without_room_for_the_buffers_there_is_no_plan():
    assert plan_residency(22, 100, 199) is None
    assert plan_residency(22, 100, -5) is None


@pytest.mark.parametrize("layers", [2, 3, 7, 22])
@pytest.mark.parametrize("fit", range(2, 23))
def test_every_layer_is_in_one_place_and_memory_holds_all(layers: int, fit: int):
    plan = plan_residency(layers, 10, 10 * fit + 9)
    assert plan is not None
    assert sorted(plan.resident + plan.streamed) == list(range(layers))
    assert len(plan.resident) + (BUFFERS if plan.streamed else 0) <= fit


def test_streamed_layers_are_spread_evenly():
    plan = plan_residency(12, 1, 8)
    assert plan == Residency((1, 3, 5, 7, 9, 11), (0, 2, 4, 6, 8, 10))
