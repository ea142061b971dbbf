"""The API as a process, asked by schemathesis whatever its schema allows and what it does not; it finds no fault.

All its checks are on: statuses, content types, forms and headers of answers are as described, what is allowed is taken,
what is not is refused, and nothing is answered without a token.
"""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from strata.api import schema
from tests.support.api_server import api_process, token_of

schemathesis = pytest.importorskip("schemathesis", reason="NOT TESTED: the API's schema needs schemathesis")

EXAMPLES = 25  # of each operation, beside those at the edges of its schema
SECONDS = 60  # of one answer: an analysis of Strata itself takes some the first time, on a busy machine more
DESCRIBED = schema()
ASKING = schemathesis.openapi.from_dict(DESCRIBED)
# Every request has a valid token here, but those with which a check sees that one is needed.
ASKING.config.generation.update(with_security_parameters=False)


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """URL of a server, and the headers of somebody who may do everything."""
    home: Path = tmp_path_factory.mktemp("schema")
    never = "1000000/minute"  # how often one may ask is tested elsewhere
    with api_process(home, API_LIMITS=f'{{"rate": "{never}", "anonymous_rate": "{never}"}}') as (url, _):
        yield url, token_of(home)


def test_the_schema_is_what_the_server_says_of_itself(caller: tuple[str, dict[str, str]]) -> None:
    with urllib.request.urlopen(f"{caller[0]}/openapi.json", timeout=20) as answer:
        assert json.load(answer) == json.loads(json.dumps(DESCRIBED))


@ASKING.parametrize()
@settings(max_examples=EXAMPLES, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_api_does_what_its_schema_says(case, caller: tuple[str, dict[str, str]]) -> None:
    case.call_and_validate(base_url=caller[0], headers=caller[1], timeout=SECONDS)
