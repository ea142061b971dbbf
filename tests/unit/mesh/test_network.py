"""A mesh's description: read as it was written, refused where it cannot be."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.mesh.network import BadNetwork, Device, Network, Peer, Quality, pair

names = st.text("abcdefgh", min_size=1, max_size=3)
rates = st.one_of(st.just(math.inf), st.floats(1, 1e12))
qualities = st.builds(Quality, st.floats(0, 10), st.floats(0, 10), st.floats(0, 1), rates)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    peers = {
        name: Peer(name, draw(st.sampled_from(Device)), draw(st.integers(0, 99)), draw(rates))
        for name in draw(st.lists(names, min_size=1, max_size=6, unique=True))
    }
    pairs = [(a, b) for a in peers for b in peers if a < b]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    middle = draw(st.integers(0, len(chosen)))
    first, rest = ({each: draw(qualities) for each in some} for some in (chosen[:middle], chosen[middle:]))
    return Network(peers, first, rest)


@given(network=networks())
def test_what_is_written_is_read_again(network: Network) -> None:
    assert Network.from_json(json.dumps(network.to_json())) == network
    assert {pair(a, b) for a, others in network.neighbours.items() for b in others} == set(network.links)


LINK = {"ends": ["b", "a"], "rtt_seconds": 0.1}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"links": [LINK, LINK]}, "a - b is there twice"),
        ({"links": [LINK], "possible": [LINK]}, "there already"),
        ({"links": [LINK | {"ends": ["a", "c"]}]}, "no peer c"),
        ({"links": [LINK | {"ends": ["a", "a"]}]}, "must differ"),
        ({"links": [LINK | {"rtt_seconds": -1}]}, "links.0.rtt_seconds"),
        ({"links": [LINK | {"loss": 2}]}, "links.0.loss"),
        ({"links": [LINK | {"speed": 2}]}, "links.0.speed"),
        ({"peers": [{"name": "a"}, {"name": "a"}]}, "two peers are named a"),
        ({"peers": [{"name": "a", "device": "toaster"}]}, "peers.0.device"),
    ],
)
def test_what_cannot_be_is_refused(change: dict, said: str) -> None:
    document = {"peers": [{"name": "a"}, {"name": "b"}], "links": []} | change
    with pytest.raises(BadNetwork, match=said):
        Network.from_json(json.dumps(document))


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(BadNetwork, match="the file"):
        Network.from_json(b"\xff{")
