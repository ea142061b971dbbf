"""Every kind of incident that the code writes has a rule, and every rule is for a kind that it writes."""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from strata.rollout import PIPELINE, REGRESSION
from strata.triage import read_rules

ROOT = Path(__file__).parents[3]
SOURCES = {ROOT / "src": ROOT / "src", ROOT / "deployments": ROOT}  # and what their modules' names are below
# Of modules that do not write for the room, or package, that they are in.
PIPELINES = {"strata.api.sampling": "inference", "deployments.supervise": "operations"}
# Written in one transaction with what they explain.
WITHIN = {("rollout", "slower under rollout")}
# Who passes a kind on that it was given, and by whose first argument, or by which values of it, it is given.
PASSED_ON = {
    "strata.evolution.rounds.telling": ("Notice",),
    "strata.evolution.lineage.championship": ("open_incident", "_incident"),
    "strata.mesh.sweep.incidents": ("Trouble",),
    "strata.triage.runs": (),
}
CARRIERS = tuple(name for names in PASSED_ON.values() for name in names)
LITERALS = {"strata.evolution.lineage.championship": {"regression", "rollback"}}  # of its parameter `kind`
OF_RUNS = {"flow run failed", "flow run crashed"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for source, root in SOURCES.items():
        for path in sorted(source.rglob("*.py")):
            text = path.read_text()
            if any(f"{word}(" in text for word in ("begin", *CARRIERS)):
                yield ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"), ast.parse(text)


def begun(tree: ast.Module) -> Iterator[ast.expr]:
    """What is given as the kind of an incident."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "begin":
            yield from (each.value for each in node.keywords if each.arg == "kind")


def firsts(tree: ast.Module, names: tuple[str, ...]) -> Iterator[ast.expr]:
    """The first arguments of calls of these names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in names:
                yield node.args[0]


def value(module: str, node: ast.expr) -> str | None:
    """A literal, or a constant of the module; None for what is passed on."""
    if isinstance(node, ast.Constant):
        return node.value
    found = getattr(import_module(module), node.id, None) if isinstance(node, ast.Name) else None
    return found if isinstance(found, str) else None


@pytest.fixture(scope="module")
def written() -> set[tuple[str, str]]:
    """(pipeline, kind) of all incidents that the code begins."""
    found, passing = set(), set()
    for module, tree in modules():
        pipeline = PIPELINES.get(module, module.split(".")[1])
        for node in begun(tree):
            kind = value(module, node)
            if kind is None:
                passing.add(module)
            else:
                found.add((pipeline, kind))
        kinds = {value(module, node) for node in firsts(tree, CARRIERS)} - {None}
        found |= {(pipeline, kind) for kind in kinds | LITERALS.get(module, set())}
    assert passing == set(PASSED_ON), "say here where the kinds come from that are passed on"
    return found | WITHIN | {("*", kind) for kind in OF_RUNS}


def test_what_is_written_within_a_transaction_is_written_so() -> None:
    assert (PIPELINE, REGRESSION) in WITHIN


def test_no_kind_is_without_a_rule(written: set[tuple[str, str]]) -> None:
    assert len(written) > 20
    assert {(rule.pipeline, rule.kind) for rule in read_rules().cases} == written | {("*", "*")}


def test_causes_are_of_kinds_that_are_written(written: set[tuple[str, str]]) -> None:
    for cause in read_rules().causes:
        for which in (cause.effect, cause.cause):
            assert (which.pipeline, which.kind) in written | {("*", "*")}
