"""ECHConfigLists: real ones, made-up ones, and bytes that are none."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.secure.ech import (
    BadEchConfig,
    EchConfig,
    Extension,
    UnknownConfig,
    choose,
    encode_config_list,
    parse_config_list,
)
from strata.secure.ech.hpke import KEMS

# Published by Cloudflare in the HTTPS records of crypto.cloudflare.com and others, as found in
# - Go's crypto/tls/ech_test.go, TestDecodeECHConfigLists (go1.23);
# - a post of December 2024 at https://ntc.party/t/68/33;
# - the notes of an nginx build with BoringSSL, with `kdig +short crypto.cloudflare.com https`;
# - the tests of a proxy, dated 2026-10-01.
CLOUDFLARE = [
    "AEX+DQBBWQAgACCSoBIz2yIYUYzLu7wk3yBoavQXs3OI3mRg6UARl0d3CQAEAAEAAQASY2xvdWRmbGFyZS1lY2guY29tAAA=",
    "AEX+DQBB8gAgACDCIaU3P6vz668J2oRRZtptSEwH+1IX8/3TOArEx0tRLAAEAAEAAQASY2xvdWRmbGFyZS1lY2guY29tAAA=",
    "AEX+DQBB8QAgACBl2nj6LhmbUqJJseiydASRUkdmEQGq/u/e5fXDLsFJSAAEAAEAAQASY2xvdWRmbGFyZS1lY2guY29tAAA=",
    "AEX+DQBBrwAgACCbK1mYDYFz/BAn6S5t+Q/v+Oej3eFNxtPWgz50fNnFPAAEAAEAAQASY2xvdWRmbGFyZS1lY2guY29tAAA=",
]
# Go's crypto/tls/ech_test.go: a version that is none, a key of P-256, suites that nobody knows, a mandatory extension.
MIXED = bytes.fromhex(
    "0105badd00050504030201fe0d0066000010004104e62b69e2bf659f97be2f1e0d948a4cd5976bb7a91e0d46fbdda9a91e9ddcba5a01e7d697"
    "a80a18f9c3c4a31e56e27c8348db161a1cf51d7ef1942d4bcf7222c1000c000100010001000200010003400e7075626c69632e6578616d706c"
    "650000fe0d003d00002000207d661615730214aeee70533366f36a609ead65c0c208e62322346ab5bcd8de1c000411112222400e7075626c69"
    "632e6578616d706c650000fe0d004d000020002085bd6a03277c25427b52e269e0c77a8eb524ba1eb3d2f132662d4b0ac6cb7357000c000100"
    "010001000200010003400e7075626c69632e6578616d706c650008aaaa000474657374"
)
# junkurihara/rust-rpxy-l4, examples/README.md: a list and the private key that belongs to it.
RPXY = "ADz+DQA4ugAgACA9U8FCH7vKOFXVCCcAdpUUSfu3rzlooRNflhOXyV0uTwAEAAEAAQAJbG9jYWxob3N0AAA="
RPXY_SECRET = "KwyvZOuPlflYlcmJbwhA24HMWUvxXXyan/oh9cJ6lNw="


@pytest.mark.parametrize("text", CLOUDFLARE)
def test_configs_found_in_the_wild_encode_to_the_same_bytes(text):
    data = base64.b64decode(text)
    (config,) = parse_config_list(data)
    assert encode_config_list([config]) == data
    assert config.public_name == b"cloudflare-ech.com"
    assert (config.kem_id, config.suites, config.extensions) == (0x20, ((1, 1),), ())
    assert config.config_id == data[6]
    assert choose([config]) == config


def test_what_is_unknown_is_skipped_and_kept():
    configs = parse_config_list(MIXED)
    assert encode_config_list(configs) == MIXED
    unknown, p256, suites, extension = configs
    assert unknown == UnknownConfig(0xBADD, bytes([5, 4, 3, 2, 1]))
    assert (p256.kem_id, len(p256.public_key), p256.suites) == (0x10, 65, ((1, 1), (1, 2), (1, 3)))
    assert suites.suites == ((0x1111, 0x2222),)
    assert extension.extensions == (Extension(0xAAAA, b"test"),)
    assert "0xaaaa" in extension.unusable
    assert [each.unusable for each in (p256, suites)] == [None, None]
    assert choose(configs) is None


def test_the_first_config_that_can_be_used_is_chosen():
    (usable,) = parse_config_list(base64.b64decode(CLOUDFLARE[0]))
    assert choose([*parse_config_list(MIXED), usable]) == usable


def test_the_published_private_key_is_that_of_its_config():
    (config,) = parse_config_list(base64.b64decode(RPXY))
    assert KEMS[config.kem_id].public_of(base64.b64decode(RPXY_SECRET)) == config.public_key


def config(**changes):
    fields = {"config_id": 1, "kem_id": 0x20, "public_key": bytes(range(32)), "suites": ((1, 1),),
              "public_name": b"front.example"}  # fmt: skip
    return EchConfig(**fields | changes)


@pytest.mark.parametrize(
    "name",
    [
        b".a",
        b"a.",
        b"a..b",
        b"-a.b",
        b"a-.b",
        b"a b",
        b"\xe4.b",
        b"192.0.2.1",
        b"0x7f",
        b"a.0xF",
        b"1",
        b"a" * 64,
        b"a\n",
    ],
)
def test_a_public_name_that_is_no_host_name_makes_a_config_unusable(name):
    assert "public name" in config(public_name=name).unusable
    assert choose([config(public_name=name)]) is None


@pytest.mark.parametrize("name", [b"a", b"a-b.c", b"1.example", b"a" * 63 + b".b", b"xn--p1ai", b"A.B0x"])
def test_a_host_name_is_fine(name):
    assert config(public_name=name).unusable is None


def test_an_unknown_extension_matters_only_if_it_is_mandatory():
    assert config(extensions=(Extension(0x7FFF, b""),)).unusable is None
    assert config(extensions=(Extension(0x0001, b"x"), Extension(0x8000, b""))).unusable


def test_a_config_whose_key_is_of_another_size_is_not_chosen():
    assert choose([config(public_key=bytes(31))]) is None


EXTENSIONS = st.builds(Extension, st.integers(0, 0xFFFF), st.binary(max_size=20))
CONFIGS = st.one_of(
    st.builds(UnknownConfig, st.integers(0, 0xFFFF).filter(lambda version: version != 0xFE0D), st.binary(max_size=40)),
    st.builds(
        EchConfig,
        config_id=st.integers(0, 255),
        kem_id=st.integers(0, 0xFFFF),
        public_key=st.binary(min_size=1, max_size=70),
        suites=st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF)), min_size=1, max_size=4).map(tuple),
        public_name=st.binary(min_size=1, max_size=255),
        maximum_name_length=st.integers(0, 255),
        extensions=st.lists(st.builds(Extension, st.integers(0, 0xFFFF), st.binary(max_size=20)), max_size=3).map(
            tuple
        ),
    ),
)


@given(st.lists(CONFIGS, min_size=1, max_size=5))
def test_what_is_encoded_parses_to_the_same(configs):
    assert list(parse_config_list(encode_config_list(configs))) == configs


@given(st.one_of(st.binary(max_size=200), st.lists(CONFIGS, min_size=1, max_size=3).map(encode_config_list)), st.data())
def test_any_bytes_are_refused_or_encode_to_themselves(data, draw):
    changed = bytearray(data)
    if changed:
        changed[draw.draw(st.integers(0, len(changed) - 1))] = draw.draw(st.integers(0, 255))
    try:
        configs = parse_config_list(bytes(changed))
    except BadEchConfig:
        return
    assert encode_config_list(configs) == changed


@pytest.mark.parametrize("position", range(0, len(MIXED), 7))
def test_a_list_that_was_cut_off_is_refused_and_the_place_named(position):
    with pytest.raises(BadEchConfig, match=r"the list: it ends after \d+ bytes, within the l"):
        parse_config_list(MIXED[:position])


ONE = base64.b64decode(CLOUDFLARE[0])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (ONE + b"\0", "the list: 1 bytes too many"),
        (b"\0\0", "at least 4"),
        (b"\0\4\xfe\x0d\0\1", "config 0"),
        (ONE[:2] + b"\xfe\x0d\0\x40" + ONE[6:], "config 0"),  # its contents are one byte shorter than they say
        (ONE[:9] + b"\0\0" + ONE[11:], "its public key"),
        (ONE[:43] + b"\0\3" + ONE[45:], "its cipher suites"),
        (b"\0\x46\xfe\x0d\0\x42" + ONE[6:] + b"\0", "config 0: 1 bytes too many"),
        (b"\0\x46\xfe\x0d\0\x42" + ONE[6:43] + b"\0\5\0" + ONE[45:], "its cipher suites have 5 bytes"),
    ],
)
def test_an_error_says_what_is_wrong_and_where(data, message):
    with pytest.raises(BadEchConfig, match=message):
        parse_config_list(data)


@pytest.mark.parametrize(
    "changes",
    [{"config_id": 256}, {"kem_id": -1}, {"public_key": b""}, {"public_key": bytes(1 << 16)}, {"suites": ()},
     {"suites": ((1, 1 << 16),)}, {"public_name": b""}, {"public_name": bytes(256)}, {"maximum_name_length": 256},
     {"extensions": (Extension(1, bytes(1 << 16)),)}, {"suites": ((1, 1),) * 16384}],
)  # fmt: skip
def test_what_does_not_fit_is_not_encoded(changes):
    with pytest.raises(BadEchConfig):
        config(**changes).encode()


def test_lists_too_long_or_empty_are_not_encoded():
    for configs in ([], [config(public_key=bytes(60_000))] * 2):
        with pytest.raises(BadEchConfig, match="the list"):
            encode_config_list(configs)
