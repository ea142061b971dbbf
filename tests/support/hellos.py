"""Channels that begin with an ECH-style hello, joined in memory."""

from strata.secure import (
    Channel,
    EchConfig,
    EchInitiator,
    EchKeys,
    EchResponder,
    Identity,
    Listener,
    ReplayCache,
    choose,
    parse_config_list,
)
from tests.support.channels import ALICE, BOB, MESH

CAROL = Identity.generate()  # behind a front, or one herself
FRONTED = MESH.with_member(CAROL.card, "carol")


class Clock:
    """Seconds since 1970, as a test wants them."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def config_of(keys: EchKeys) -> EchConfig:
    """What a listener with these keys offers."""
    config = choose(parse_config_list(keys.config_list()))
    assert config is not None
    return config


def dialling(config: EchConfig | None, clock: Clock, peer: Identity = BOB, front: Identity | None = None) -> Channel:
    """Alice, about to dial."""
    by = None if front is None else front.peer_id
    return Channel(EchInitiator(ALICE, FRONTED, peer.peer_id, config, front=by, clock=clock))


def listener(keys: EchKeys, replays: ReplayCache, identity: Identity = BOB) -> Listener:
    """Who listens, to read hellos by hand."""
    return Listener(identity, lambda: FRONTED, replays, keys)


def listening(keys: EchKeys, replays: ReplayCache, identity: Identity = BOB) -> Channel:
    """Bob, or somebody else, listening."""
    return Channel(EchResponder(listener(keys, replays, identity)))
