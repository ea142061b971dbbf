"""A check as SARIF, for code review tools (OASIS, Static Analysis Results Interchange Format 2.1.0)."""

from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from strata.migration.check.checking import Checked, Found
from strata.migration.check.rules import RULES
from strata.migration.check.violation import State

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {State.NEW: "error", State.KNOWN: "warning", State.SUPPRESSED: "note", State.EXCUSED: "note"}


def to_sarif(checked: Checked) -> dict[str, Any]:
    """One run: every rule that was applied, and a result for each violation, whatever becomes of it."""
    order = [name for name in RULES if name in checked.compliance]
    rules = [
        {
            "id": name,
            "shortDescription": {"text": RULES[name].wants},
            "defaultConfiguration": {"level": "error"},
            "properties": {
                "eligible": checked.compliance[name].eligible,
                "compliance": checked.compliance[name].share,
            },
        }
        for name in order
    ]
    driver = {"name": "strata", "version": version("strata"), "rules": rules}
    run = {
        "tool": {"driver": driver},
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The root of the project that was checked."}}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each, order.index(each.violation.rule)) for each in checked.found],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(found: Found, index: int) -> dict[str, Any]:
    each = found.violation
    place = {
        "artifactLocation": {"uri": quote(each.path, errors="surrogateescape"), "uriBaseId": "SRCROOT"},
        "region": {"startLine": each.line, "endLine": max(each.line, each.end)},
    }
    result: dict[str, Any] = {
        "ruleId": each.rule,
        "ruleIndex": index,
        "level": _LEVELS[found.state],
        "message": {"text": each.message},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"strataViolation/v1": found.fingerprint},
        "baselineState": "unchanged" if found.state is State.KNOWN else "new",
    }
    if found.state is State.SUPPRESSED:
        result["suppressions"] = [{"kind": "inSource"}]
    elif found.state is State.EXCUSED:
        result["suppressions"] = [{"kind": "external", "justification": f"cannot be rewritten safely: {each.excuse}"}]
    return result
