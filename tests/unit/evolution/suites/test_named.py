"""Suites by name: the built-in ones, files, and what cannot be had."""

import sys
from pathlib import Path

import pytest

from strata.evolution.suites import DOMAINS, BadSuite, Item, named_suites, small_suite, write_items


def a_file(folder: Path, domain: str) -> str:
    path = folder / f"my-{domain}.jsonl"
    write_items(path, [Item("1", domain, "Salt or sugar?", "choice", ("salt", "sugar"), answer=0)])
    return str(path)


def test_built_in_suites_and_those_of_files_go_together(tmp_path: Path):
    suites = named_suites(["small", a_file(tmp_path, "cooking")])
    assert tuple(suites) == (*DOMAINS, "cooking")
    assert suites["math"] == small_suite("math")
    assert suites["cooking"].name == "my-cooking-cooking"


def test_a_domain_has_one_suite(tmp_path: Path):
    with pytest.raises(BadSuite, match="domain math has items in small-math and in"):
        named_suites(["small", a_file(tmp_path, "math")])


def test_what_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(BadSuite, match="no suite is named"):
        named_suites([])
    with pytest.raises(BadSuite, match="cannot read nonsense"):
        named_suites(["nonsense"])


def test_without_lm_eval_its_tasks_cannot_be_had(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "lm_eval.tasks", None)
    with pytest.raises(BadSuite, match="lm-eval is not installed"):
        named_suites(["lm-eval:arc_easy"])
