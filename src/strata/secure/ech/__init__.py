"""The ECH-style hello for Noise: who is dialled does not show, to who watches the way to a front.

It is modelled on TLS Encrypted Client Hello (RFC 9849), whose configs it uses as they are, and is no TLS: `hello` has
the bytes, `handshake` the protocol.

What it hides, from whom:

- From whoever watches the leg from a dialler to a *front*, or takes its bytes and changes them: which of the peers
  behind that front is dialled, and which member dials (its network address shows). All hellos under one config are
  equally long whatever the target, and so are all answers. Without a config (GREASE), and under a stale one, form,
  sizes and order are the same too; only `config_id` can tell them apart, for who has seen others, and some 0.1 ms less
  of work for the listener.
- From whoever records that today and has a quantum computer later: the target, where the config's key is the hybrid
  MLKEM768-X25519, which is the default. (Not who dials, and not what is said: the channel itself is X25519.)
- From the front: what is said, for the channel is end to end, and which member says it. (It knows who asked it for its
  configs, which only members get.)

What it does not hide:

- From the front: who is dialled.
- Of a direct dial: the address, and so the peer. A peer that is its own front gains what GREASE gives, namely that a
  dial through a front and one past it start alike.
- From whoever watches both legs of a front: by time and volume they can be put together. And from whoever watches one:
  how much is said and when, how far away the target is and whether it answers; nothing is padded or delayed after the
  hello.
- Which config, and so which front and how new its key, a hello is for: `config_id`, KEM and suite are in the clear. Nor
  that it is Strata that is spoken.
- From whoever gets a front's key within the two days that it lives: the targets of hellos recorded in that time. There
  is no forward secrecy within a key's life, and there is after it.

Where configs come from: the welcome of an authenticated listener, that is from the first dial, which is GREASE. Not
from the signed membership: keys would then change only when the owner's key is brought out, each config is 1.3 kB in a
list that all must hold, and a first dial past a front hides nothing anyway.

- `EchConfig`, `UnknownConfig`, `Extension`, `Config`, `parse_config_list`, `encode_config_list`, `choose`,
  `BadEchConfig`: the ECHConfigList of RFC 9849.
- `EchKey`, `EchKeys`, `open_ech_keys`, `X25519`, `MLKEM768_X25519`: a listener's keys, and the file that keeps them;
  `LIFETIME_SECONDS`: for how long one is offered.
- `KnownConfigs`: what a dialler has learned of listeners, and the file that keeps it.
- `EchInitiator`, `EchResponder`, `Listener`, `ReadHello`, `HelloRejected`: the two sides, to be put into a `Channel`.
- `HEADER`, `rest_bytes`, `Opened`, `EchForward`: what a front needs.
"""

from strata.secure.ech.configs import (
    BadEchConfig,
    Config,
    EchConfig,
    Extension,
    UnknownConfig,
    encode_config_list,
    parse_config_list,
)
from strata.secure.ech.forward import EchForward
from strata.secure.ech.handshake import EchInitiator, EchResponder, HelloRejected, Listener, ReadHello
from strata.secure.ech.hello import HEADER, Opened, choose, rest_bytes
from strata.secure.ech.hpke import MLKEM768_X25519, X25519
from strata.secure.ech.keys import LIFETIME_SECONDS, EchKey, EchKeys
from strata.secure.ech.keys_file import open_ech_keys
from strata.secure.ech.known import KnownConfigs

__all__ = [
    "HEADER",
    "LIFETIME_SECONDS",
    "MLKEM768_X25519",
    "X25519",
    "BadEchConfig",
    "Config",
    "EchConfig",
    "EchForward",
    "EchInitiator",
    "EchKey",
    "EchKeys",
    "EchResponder",
    "Extension",
    "HelloRejected",
    "KnownConfigs",
    "Listener",
    "Opened",
    "ReadHello",
    "UnknownConfig",
    "choose",
    "encode_config_list",
    "open_ech_keys",
    "parse_config_list",
    "rest_bytes",
]
