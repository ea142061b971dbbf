import base64
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.inference.plan import Plan, StagePlan
from strata.inference.report.picture import as_data_uri, layer_picture

MIB = 1024 * 1024
SVG = "{http://www.w3.org/2000/svg}"


def plan_of(*counts: int, nodes: Sequence[str] = (), model: str = "tiny") -> Plan:
    stages, first = [], 0
    for index, count in enumerate(counts):
        node = nodes[index] if nodes else f"peer-{index}"
        stages.append(
            StagePlan(
                node=node,
                first=first,
                last=first + count - 1,
                weight_bytes=count * MIB,
                kv_bytes=MIB,
                workspace_bytes=MIB,
                seconds=0.001 * count,
                link_seconds=0.0,
            )
        )
        first += count
    return Plan(
        model=model,
        objective="latency",
        context=64,
        batch=1,
        dtype="float32",
        stages=tuple(stages),
        value=0.03,
        lower_bound=0.03,
        exact=True,
    )


def bars(svg: str) -> list[tuple[float, float]]:
    """(left, right) of every coloured bar, in order."""
    grey = {"#fbfbfd", "#e4e7ee"}
    found = [r for r in ElementTree.fromstring(svg).iter(f"{SVG}rect") if r.get("fill") not in grey]
    return [(float(r.get("x", 0)), float(r.get("x", 0)) + float(r.get("width", 0))) for r in found]


def texts(svg: str) -> list[str]:
    return ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_the_bars_tile_the_layers_in_order_and_in_proportion(counts):
    found = bars(layer_picture(plan_of(*counts)))
    assert len(found) == len(counts)
    for (_, right), (left, _) in pairwise(found):
        assert left == pytest.approx(right, abs=0.2)
    full = found[-1][1] - found[0][0]
    for count, (left, right) in zip(counts, found, strict=True):
        assert right - left == pytest.approx(full * count / sum(counts), abs=0.2)


def test_every_node_is_named_with_its_layers_and_bytes():
    found = texts(layer_picture(plan_of(3, 1, 2, nodes=["alpha", "beta", "gamma"])))
    assert "tiny: 6 layers on 3 nodes" in found
    assert {"alpha", "beta", "gamma"} <= set(found)
    assert {"embedding, layers 0-2", "layer 3", "layers 4-5, head"} <= set(found)
    assert "37 MiB" in found  # 3 of weights, 1 KV, 1 workspace, 32 in reserve


def test_one_node_that_holds_everything_has_its_label_on_the_bar():
    svg = layer_picture(plan_of(30))
    label = next(t for t in ElementTree.fromstring(svg).iter(f"{SVG}text") if t.text == "embedding, layers 0-29, head")
    ((left, right),) = bars(svg)
    assert left < float(label.get("x", 0)) < right


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")))
def test_names_cannot_break_out_of_the_picture(name):
    svg = layer_picture(plan_of(1, 1, nodes=[f"a{name}", "b"], model=name))
    assert any(name in text for text in texts(svg)) or len(name) > 15
    assert not [element for element in ElementTree.fromstring(svg).iter() if element.tag == f"{SVG}script"]


def test_a_data_uri_holds_the_picture():
    head, _, body = as_data_uri("<svg>é</svg>").partition(",")
    assert head == "data:image/svg+xml;base64"
    assert base64.b64decode(body).decode() == "<svg>é</svg>"
