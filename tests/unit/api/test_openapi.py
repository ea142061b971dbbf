"""The schema: every route says what it takes, what it answers, and how it fails."""

import pytest

from strata.api import schema
from strata.api.app import COMMON, ROUTERS

SCHEMA = schema()
OPENAI = ("/v1/chat", "/v1/models")  # whose errors have the form that its clients know
OPERATIONS = [
    pytest.param(path, method, operation, id=f"{method} {path}")
    for path, methods in SCHEMA["paths"].items()
    for method, operation in methods.items()
]


def test_what_was_asked_for_is_there() -> None:
    assert {
        "/v1/inference/distributed/plan",
        "/v1/inference/distributed/optimize",
        "/v1/inference/distributed/status",
        "/v2/archaeological/distributed/inference",
        "/v2/archaeological/evolution/schedule",
        "/v2/archaeological/p2p/mesh/optimize",
        "/v2/archaeological/architecture/analysis",
        "/v1/security/ech/configs",
        "/v1/security/ech/configs/{name}",
        "/v1/security/ech/summary",
        "/v1/jobs",
        "/v1/jobs/{job_id}",
        "/v1/jobs/{job_id}/cancel",
        "/v1/jobs/{job_id}/decision",
        "/healthz",
    } <= SCHEMA["paths"].keys()


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_an_operation_documents_itself_and_its_errors(path: str, method: str, operation: dict) -> None:
    assert operation["summary"]
    assert operation["description"]
    assert {str(status) for status in COMMON} <= operation["responses"].keys()
    for status, response in operation["responses"].items():
        if int(status) >= 400:
            assert response["content"].keys() == {"application/problem+json"} or path.startswith(OPENAI)
    assert ("security" in operation) == (path != "/healthz")


@pytest.mark.parametrize("name", sorted(SCHEMA["components"]["schemas"].keys() - {"JsonValue"}))
def test_a_form_says_what_it_is(name: str) -> None:
    assert SCHEMA["components"]["schemas"][name].get("description"), name


def test_texts_and_lists_that_are_taken_have_bounds() -> None:
    for path, methods in SCHEMA["paths"].items():
        for method, operation in methods.items():
            for parameter in operation.get("parameters", ()):
                assert _bounded(parameter["schema"]), (path, parameter["name"])
            if (body := operation.get("requestBody")) is not None:
                for name, field in _fields(body["content"]["application/json"]["schema"]).items():
                    assert _bounded(field), (method, path, name)


def _fields(found: dict) -> dict:
    found = SCHEMA["components"]["schemas"][found["$ref"].rpartition("/")[2]] if "$ref" in found else found
    return found["properties"]


def _bounded(field: dict) -> bool:
    if "$ref" in field:
        return _bounded(SCHEMA["components"]["schemas"][field["$ref"].rpartition("/")[2]])
    if "anyOf" in field:
        return all(map(_bounded, field["anyOf"]))
    kind = field.get("type")
    if "enum" in field or "const" in field or kind in {"boolean", "null"}:
        return True
    if kind == "string":
        return "maxLength" in field or "pattern" in field
    if kind == "array":
        return "maxItems" in field and _bounded(field["items"])
    if kind in {"integer", "number"}:
        return bool(field.keys() & {"maximum", "exclusiveMaximum"}) or "minimum" in field
    return "maxProperties" in field or "properties" in field


def test_every_router_is_there_once() -> None:
    assert len({id(router) for router in ROUTERS}) == len(ROUTERS)
