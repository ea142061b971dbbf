"""Each rule finds what its examples say, and nothing else."""

import pytest

from strata.migration.connascence import RULES, Kind, connascence, read_code
from strata.migration.imports import analyse
from tests.support.trees import make_tree


def read(folder, files):
    return read_code(analyse(make_tree(folder, files)), workers=1)


VALID = [(kind, number) for kind, rule in RULES.items() for number in range(len(rule.valid))]
INVALID = [(kind, number) for kind, rule in RULES.items() for number in range(len(rule.invalid))]


@pytest.mark.parametrize(("kind", "number"), VALID)
def test_a_valid_example_has_no_finding_of_its_kind(tmp_path, kind, number):
    assert connascence(read(tmp_path, RULES[kind].valid[number].files), [kind]).findings == ()


@pytest.mark.parametrize(("kind", "number"), INVALID)
def test_an_invalid_example_has_the_findings_that_it_says(tmp_path, kind, number):
    example = RULES[kind].invalid[number]
    report = connascence(read(tmp_path, example.files), [kind])
    assert tuple((each.place.path, each.place.line, each.degree) for each in report.findings) == example.found
    assert report.outcomes[kind].eligible >= len(report.findings)
    assert all(each.kind is kind for each in report.findings)


def test_every_kind_has_a_rule_in_the_order_of_strength():
    assert list(RULES) == list(Kind)
    assert [kind.strength for kind in RULES] == list(range(1, 9))
    assert all(rule.valid and rule.invalid for rule in RULES.values())
