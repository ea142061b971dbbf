"""What a gate may demand, and how many items that takes."""

import numpy as np
import pytest

from strata.evolution.regression import BadPolicy, GatePolicy


@pytest.mark.parametrize(
    "demand",
    [
        {"margins": {"math": 0.0}},
        {"margins": {"math": float("nan")}},
        {"default_margin": -0.1},
        {"overall_margin": float("inf")},
        {"gain": 0.0},
        {"alpha": 0.0},
        {"beta": 0.5},
        {"shift_share": 1.0},
        {"cap": 1.0},
        {"fewest_items": 1},
        {"most_items": 10},
    ],
)
def test_a_senseless_demand_is_refused(demand):
    with pytest.raises(BadPolicy):
        GatePolicy(**demand)


def test_unknown_domains_have_the_default_margin():
    assert list(GatePolicy().margins_of(["coding", "law"])) == [0.03, 0.05]


def test_margins_shrink_until_a_drop_of_the_overall_margin_is_one_of_a_domain():
    policy = GatePolicy(margins={"a": 0.1, "b": 0.05}, overall_margin=0.03)
    margins = policy.margins_of(["a", "b"])
    assert margins.mean() == pytest.approx(0.03)
    assert margins[0] == pytest.approx(2 * margins[1])


def test_items_are_those_of_the_textbook():
    """(z_alpha + z_beta)^2 psi / margin^2: Lachin 1992; 10.8 psi / margin^2 for one domain."""
    policy = GatePolicy()
    found = policy.fixed_items(1, np.array(0.15), np.array([0.03, 0.04, 0.05]))
    assert found == pytest.approx([1804, 1015, 649], abs=1)
    assert policy.fixed_items(4, np.array(0.15), np.array(0.03)) == pytest.approx(2517, abs=1)
    assert policy.gain_items(0.15 / 4) == pytest.approx(1015, abs=1)
