"""The rules' own examples."""

import pytest

from strata.migration.imports import analyse
from strata.migration.rewrite import EXAMPLE_TREE, STRATEGIES, Example, live_names, rewrite_file
from tests.support.trees import make_tree

VALID = [(name, example) for name, rule in STRATEGIES.items() for example in rule.VALID]
INVALID = [(name, example) for name, rule in STRATEGIES.items() for example in rule.INVALID]


def rewritten(folder, strategy: str, example: Example) -> str:
    make_tree(folder, dict.fromkeys(EXAMPLE_TREE, "") | {example.path: example.before})
    project = analyse(folder, workers=1)
    facts, names = project.files[example.path], live_names(project)[example.path]
    return rewrite_file(example.before.encode(), facts, names, project.modules, STRATEGIES[strategy]).data.decode()


@pytest.mark.parametrize(("strategy", "example"), VALID)
def test_what_follows_a_rule_is_left_as_it_is(tmp_path, strategy, example):
    assert rewritten(tmp_path, strategy, example) == example.before


@pytest.mark.parametrize(("strategy", "example"), INVALID)
def test_what_breaks_a_rule_becomes_what_the_rule_says(tmp_path, strategy, example):
    assert rewritten(tmp_path, strategy, example) == example.after
    assert rewritten(tmp_path, strategy, Example(example.path, example.after)) == example.after
