"""The rules: those of the package, a user's own, and what is said of one that is wrong."""

from pathlib import Path

import pytest

from strata.triage import BadRules, read_rules

RULE = """
[[case]]
pipeline = "inference"
kind = "stage failed"
severity = "low"
automatic = "Nothing."
steps = ["Wait."]
"""
CAUSE = """
[[cause]]
effect = { pipeline = "inference", kind = "stage failed" }
cause = { pipeline = "mesh", kind = "dead member" }
same = "subject"
before = 5
after = 6
"""


def read(tmp_path: Path, text: str):
    file = tmp_path / "own.toml"
    file.write_text(text)
    return read_rules(file)


def test_the_most_exact_rule_counts() -> None:
    rules = read_rules()
    assert rules.of("inference", "stage failed").severity == "medium"
    assert rules.of("mesh", "flow run crashed").kind == "flow run crashed"
    assert rules.of("mesh", "never heard of").automatic == "Not known: there is no rule for this kind."


def test_a_users_rules_take_the_place_of_the_packages(tmp_path: Path) -> None:
    shipped, rules = read_rules(), read(tmp_path, RULE + CAUSE)
    assert rules.of("inference", "stage failed").steps == ("Wait.",)
    assert rules.of("mesh", "dead member") == shipped.of("mesh", "dead member")
    assert len(rules.cases) == len(shipped.cases)
    assert (rules.causes[0].before, len(rules.causes)) == (5, len(shipped.causes))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (RULE.replace('"low"', '"dire"'), r"own.toml: case 1 \(inference: stage failed\): severity: "),
        (RULE + "colour = 1\n", r"case 1 \(inference: stage failed\): colour: "),
        (RULE + "quiet = -1\n", r"case 1 \(inference: stage failed\): quiet: "),
        (RULE + 'quiet = "1"\n', r"case 1 \(inference: stage failed\): quiet: "),
        (RULE.replace('steps = ["Wait."]', "steps = []"), r"case 1 \(inference: stage failed\): steps: "),
        (RULE.replace('kind = "stage failed"\n', ""), r"case 1 \(inference\): kind: "),
        (RULE + RULE, "two rules for inference: stage failed"),
        (RULE + CAUSE.replace('"subject"', '"weather"'), r"cause 1 \(inference: stage failed\): same: "),
        (CAUSE.replace("after = 6", ""), r"cause 1 \(inference: stage failed\): after: "),
        ("[[cause]]\neffect = 3\n", "cause 1: effect: "),
        ("[case]\n", r"write each rule under \[\[case\]\]"),
        ("[[cases]]\n", r"rules are \[\[case\]\] and \[\[cause\]\], not cases"),
        ("case = ", "own.toml is not TOML"),
    ],
)
def test_an_error_names_the_rule(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadRules, match=said):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(BadRules, match=r"STRATA_TRIAGE_RULES names .*nowhere\.toml"):
        read_rules(tmp_path / "nowhere.toml")
