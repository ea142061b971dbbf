"""`strata mesh up` and `strata mesh down`, as far as they need no cluster."""

import sys

import pytest


def test_somebody_has_to_say_which_cluster(strata, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("STRATA_RAY_ADDRESS", raising=False)
    status, _, complaint = strata("mesh", "up")
    assert (status, complaint) == (
        2,
        "strata: say which Ray cluster: --ray local, auto, HOST:PORT or ray://HOST:PORT\n",
    )


def test_without_ray_it_says_what_is_missing(strata, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv("STRATA_RAY_ADDRESS", "local")
    status, _, complaint = strata("mesh", "up")
    assert (status, complaint) == (2, "strata: Ray is not installed (ray): pip install 'strata[ray]'\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--ray", "nowhere"), "a Ray address is"),
        (("--ray", "local", "--name", "../x"), "not a name for nodes"),
        (("--ray", "local", "--memory", "much"), "not a size"),
    ],
)
def test_wrong_arguments(strata, arguments: tuple[str, ...], words: str):
    status, _, complaint = strata("mesh", "up", *arguments)
    assert status == 2
    assert words in complaint


def test_down_where_nothing_is_up(strata, tmp_path):
    assert strata("mesh", "down") == (0, f"no nodes are up for {tmp_path / 'home'}\n", "")
