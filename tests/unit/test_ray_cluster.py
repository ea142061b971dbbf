"""Addresses of Ray clusters, and what is said where there is none."""

import sys

import pytest

from strata.ray_cluster import ClusterError, check_address, connected


@pytest.mark.parametrize("address", ["local", "auto", "10.0.0.1:6379", "ray://head.example:10001", "[fd00::1]:6379"])
def test_addresses(address: str):
    assert check_address(address) == address


@pytest.mark.parametrize("address", ["", "head", "http://head:1", "ray://", "ray://head", "head:port", "a:1;b:2"])
def test_what_is_no_address_is_refused_before_ray_is_looked_for(address: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(ClusterError, match="a Ray address is local, auto, HOST:PORT or ray://HOST:PORT"),
        connected(address),
    ):
        pass


def test_without_ray_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(ClusterError, match=r"Ray is not installed \(ray\): pip install 'strata\[ray\]'"),
        connected("local"),
    ):
        pass
