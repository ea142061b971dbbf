"""What several tests of the coordinator begin with."""

from collections.abc import Callable
from pathlib import Path

import pytest

from strata.inference.run.decoding import Decoding
from tests.support.nodes import tiny_llama


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny Llama."""
    path = tmp_path_factory.mktemp("llama")
    tiny_llama(path)
    return path


@pytest.fixture
def at_token(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], None]], None]:
    """Have something happen when so many steps have been answered."""
    actions: dict[int, Callable[[], None]] = {}
    accept = Decoding.accept

    def watched(decoding: Decoding, tokens: list[int]) -> list[list[int]]:
        following = accept(decoding, tokens)
        if action := actions.pop(decoding.accepted, None):
            action()
        return following

    monkeypatch.setattr(Decoding, "accept", watched)
    return actions.__setitem__
