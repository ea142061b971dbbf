"""Whatever the network did: when it is well again, who is there is held alive, and nobody said anything too often."""

from hypothesis import given, settings
from hypothesis import strategies as st

from strata.mesh.members import LAN, State, What
from tests.support.swarm import Swarm

SIZE = 6
FAULTS = st.lists(
    st.tuples(
        st.sampled_from(["crash", "return", "leave", "split", "heal", "cut", "stop", "go"]),
        st.integers(0, SIZE - 1),
        st.floats(0.1, 40.0),
    ),
    max_size=8,
)


@settings(max_examples=25, deadline=None)
@given(FAULTS, st.floats(0, 0.4), st.floats(0, 0.3), st.floats(0, 2.0), st.integers(0, 2**16))
def test_any_schedule_ends_well(faults, loss, doubled, late, seed):
    swarm = Swarm(seed)
    names = swarm.grow(SIZE)
    parts, stopped, bad = {}, {}, set()
    draw = swarm.random

    def carry(one, other):
        if parts.get(one) != parts.get(other) or {one, other} <= bad or draw.random() < loss:
            return ()
        return tuple(0.005 + draw.random() * late for _ in range(1 + (draw.random() < doubled)))

    plain, swarm.carry = swarm.carry, carry
    for what, number, seconds in faults:
        name = names[number]
        if what == "crash" and name in swarm.nodes:
            swarm.crash(name)
        elif what == "return" and name not in swarm.nodes:
            stopped.pop(name, None)
            swarm.add(name, [each for each in names if each != name], address=f"{name}:{draw.randint(1, 9)}")
        elif what == "leave" and name in swarm.nodes:
            swarm.act(name, "leave")
        elif what == "split":
            parts = {name: draw.random() < 0.5 for name in names}
        elif what == "heal":
            parts, bad = {}, set()
        elif what == "cut":
            bad = {name, names[number - 1]}
        elif what == "stop" and name in swarm.nodes:
            stopped[name] = swarm.nodes.pop(name)
        elif what == "go" and name in stopped:
            swarm.nodes[name] = stopped.pop(name)
            swarm.act(name, "tick")
        swarm.run(seconds)
    swarm.carry = plain
    for name in [name for name, node in swarm.nodes.items() if node.gone or node._view.leaving]:
        swarm.crash(name)
    for name, node in swarm.nodes.items():
        if node.members == 1:  # as an adapter would: nobody had answered it yet
            swarm.act(name, "join", names)
    swarm.run(400)
    there = set(swarm.nodes)
    for one in there:
        for other in set(names) - {one}:
            held = swarm.nodes[one].state_of(other)
            if other in there:
                assert held is State.ALIVE or len(there) < 2, (one, other, held)
            else:
                assert held in (State.DEAD, State.LEFT), (one, other, held)
    limit = LAN.retransmit_limit(SIZE)
    assert max(swarm.sent.values(), default=0) <= limit
    assert all(change.peer != observer for _, observer, change in swarm.log)
    assert What.JOINED in {change.what for _, _, change in swarm.log}
