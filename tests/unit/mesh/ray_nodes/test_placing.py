"""How many nodes a cluster has room for, and what is said where it has not enough."""

from hypothesis import given
from hypothesis import strategies as st

from strata.mesh.ray_nodes.placing import PROCESS_BYTES, Machine, Portion, machines_in, no_room

GIB = 1 << 30
PORTION = Portion(cpus=1.0, memory=2 * GIB - PROCESS_BYTES)


def machine(address: str, *, alive: bool = True, **resources: float) -> dict:
    return {"NodeManagerAddress": address, "Alive": alive, "Resources": {"node:" + address: 1.0, **resources}}


def test_machines_are_those_that_live():
    told = [machine("b", CPU=2.0, memory=4.0 * GIB), machine("c", alive=False, CPU=9.0), machine("a")]
    assert machines_in(told) == (Machine("a", 0, 0), Machine("b", 2.0, 4.0 * GIB))


def test_what_is_too_large_is_told_with_what_there_is():
    said = no_room([Machine("10.0.0.1", 4, 3 * GIB), Machine("10.0.0.2", 1, 8 * GIB)], PORTION, 4)
    assert said == (
        "the cluster has room for 2 nodes of 1 processors and 2.0 GiB (its process included) each, not for 4: "
        "10.0.0.1 has 4 and 3.0 GiB; 10.0.0.2 has 1 and 8.0 GiB"
    )
    assert no_room([], PORTION, 1).endswith("not for 1: no machine")


def test_where_there_would_be_room_others_use_it():
    assert "others use it now" in no_room([Machine("10.0.0.1", 4, 8 * GIB)], PORTION, 4)


@given(st.floats(0, 64), st.floats(0, 256 * GIB), st.floats(0.1, 8), st.integers(1, 64 * GIB))
def test_what_has_room_fits_and_one_more_does_not(cpus: float, memory: float, each: float, bytes_: int):
    portion = Portion(each, bytes_)
    room = Machine("a", cpus, memory).room(portion)
    wanted = portion.resources
    slack = 1 + 1e-9
    assert room * wanted["CPU"] <= cpus * slack
    assert room * wanted["memory"] <= memory * slack
    assert (room + 1) * wanted["CPU"] * slack > cpus or (room + 1) * wanted["memory"] * slack > memory
