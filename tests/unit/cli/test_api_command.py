"""`strata api`: tokens on a real ledger, and the schema."""

import json

import pytest

from strata.settings import Settings
from strata.store import TokenLog


def test_a_token_is_printed_once_and_then_works(strata) -> None:
    code, secret, said = strata("api", "token", "create", "laptop", "--scope", "read", "--scope", "infer")
    assert code == 0
    assert "not shown again" in said
    with TokenLog(Settings().ledger) as log:
        token = log.find_valid(secret.strip())
    assert token is not None
    assert (token.name, token.scopes, token.expires) == ("laptop", ("read", "infer"), None)
    _, listed, _ = strata("api", "token", "list")
    assert secret.strip() not in listed
    assert "laptop" in listed
    assert listed.endswith("1 tokens\n")


def test_machines_get_one_object(strata) -> None:
    _, made, _ = strata("api", "token", "create", "ci", "--scope", "operate", "--days", "1", "--json")
    token = json.loads(made)
    assert token.keys() >= {"token", "id", "scopes", "expires"}
    _, listed, _ = strata("api", "token", "list", "--json")
    (found,) = json.loads(listed)["tokens"]
    assert found["name"] == "ci"
    assert "token" not in found
    assert "digest" not in found


def test_a_revoked_token_is_refused_and_listed_as_such(strata) -> None:
    _, secret, _ = strata("api", "token", "create", "lost", "--scope", "read")
    assert strata("api", "token", "revoke", "1")[:2] == (0, "token 1 is revoked\n")
    with TokenLog(Settings().ledger) as log:
        assert log.find_valid(secret.strip()) is None
    assert "revoked" in strata("api", "token", "list")[1]
    code, _, said = strata("api", "token", "revoke", "1")
    assert code == 2
    assert "no token 1 to revoke" in said


@pytest.mark.parametrize("arguments", [("--scope", "all"), ("--scope", "read", "--days", "0"), ()])
def test_a_token_of_no_use_is_not_made(strata, arguments: tuple[str, ...]) -> None:
    assert strata("api", "token", "create", "x", *arguments)[0] == 2
    assert strata("api", "token", "list")[1] == "0 tokens\n"


def test_the_schema_is_printed(strata) -> None:
    code, printed, _ = strata("api", "openapi")
    assert code == 0
    assert "/v1/jobs" in json.loads(printed)["paths"]
