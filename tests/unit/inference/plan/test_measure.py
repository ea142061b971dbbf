"""Measuring this machine."""

import psutil

from strata.inference.plan.measure import measure_node


def test_measures_plausible_figures():
    node = measure_node(memory_bytes=123, name="here")
    assert (node.node, node.memory_bytes) == ("here", 123)
    assert 1e8 < node.flops < 1e15
    assert 1e8 < node.bandwidth < 1e13


def test_memory_is_what_the_system_says_it_has():
    assert 0 < measure_node().memory_bytes <= psutil.virtual_memory().total
