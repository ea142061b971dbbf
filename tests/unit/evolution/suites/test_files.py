"""Suites as JSON Lines: what was written is read, and what is wrong is named with its line."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.evolution.suites import BadSuite, Item, draw, read_items, read_suites, write_items

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
choice_items = st.builds(
    Item,
    id=texts,
    domain=texts,
    prompt=texts,
    scoring=st.just("choice"),
    choices=st.lists(texts, min_size=2, max_size=5, unique=True).map(tuple),
    answer=st.integers(0, 1),
    stop=st.just("") | texts,
    cluster=st.none() | texts,
)
exact_items = st.builds(
    Item, id=texts, domain=texts, prompt=texts, scoring=st.just("exact"), target=texts, cluster=st.none() | texts
)
tests_items = st.builds(Item, id=texts, domain=texts, prompt=texts, scoring=st.just("tests"), tests=texts)


@given(
    st.lists(
        choice_items | exact_items | tests_items,
        min_size=1,
        max_size=10,
        unique_by=(lambda item: item.id, lambda item: item.prompt),
    )
)
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, items: list[Item]):
    path = tmp_path_factory.mktemp("suite") / "suite.jsonl"
    write_items(path, items)
    assert list(read_items(path)) == items


def test_a_file_makes_a_suite_of_each_domain(tmp_path: Path):
    items = [*draw("math", "training", 0, 300, 1), *draw("coding", "training", 0, 300, 1)]
    path, other = tmp_path / "mine.jsonl", tmp_path / "yours.jsonl"
    write_items(path, items)
    write_items(other, reversed(items))
    coding, math = read_suites(path)
    assert (coding.name, coding.domain, math.domain) == ("mine-coding", "coding", "math")
    assert [suite.version for suite in read_suites(other)] == [coding.version, math.version]
    write_items(other, items[1:])
    assert [suite.version == old.version for suite, old in zip(read_suites(other), (coding, math), strict=True)] == [
        True,
        False,
    ]
    drawn = [{i.id for i in math.draw(purpose, 0, math.capacity(purpose), 1)} for purpose in ("search", "anchor")]
    assert len(drawn[0]) == 45
    assert not drawn[0] & drawn[1]
    with pytest.raises(BadSuite, match="math has 3 items for gate, 6 were asked for"):
        math.draw("gate", 0, 6, 1)


GOOD = {"id": "a", "domain": "math", "prompt": "1+1=", "scoring": "exact", "target": "2"}
CHOICE = {"id": "b", "domain": "math", "prompt": "2+2=", "scoring": "choice", "choices": ["3", "4"], "answer": 1}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "not JSON"),
        ("[" * 99_999, "not JSON"),
        ("[1]", "not a JSON object"),
        (b"\xff", "utf-8"),
        ({**GOOD, "id": "b"}, "the same prompt as in line 1"),
        ({**GOOD, "prompt": "3"}, "item 'a' of domain 'math' is there twice"),
        ({"id": "b", "extra": 1}, "unknown field 'extra', domain is missing, prompt is missing, scoring is missing"),
        ({**CHOICE, "suite": "x"}, "unknown field 'suite'"),
        ({**CHOICE, "answer": 2}, "answer is the number of the right choice"),
        ({**CHOICE, "answer": True}, "answer is the number of the right choice"),
        ({**CHOICE, "choices": ["3"]}, "choices are 2 to 64 texts that differ"),
        ({**CHOICE, "choices": ["3", "3"]}, "choices are 2 to 64 texts that differ"),
        ({**CHOICE, "choices": "34"}, "choices is a list"),
        ({**CHOICE, "choices": [["3"], "4"]}, "choice is a text"),
        ({**CHOICE, "choices": ["", "4"]}, "choice is empty"),
        ({**CHOICE, "id": ""}, "id is empty"),
        ({**CHOICE, "prompt": 3}, "prompt is a text"),
        ({**CHOICE, "prompt": "x" * 100_001}, "at most 100000 characters"),
        ({**CHOICE, "scoring": "guess"}, "scoring is one of choice, exact, tests"),
        ({**CHOICE, "scoring": ["choice"]}, "scoring is one of"),
        ({**CHOICE, "scoring": "tests"}, "tests are missing"),
        ({**CHOICE, "scoring": "exact"}, "target is missing"),
        ({**CHOICE, "prompt": "x" * 1_000_000}, "longer than 1000000 bytes"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: object, message: str):
    path = tmp_path / "suite.jsonl"
    raw = line if isinstance(line, bytes) else (line if isinstance(line, str) else json.dumps(line)).encode()
    path.write_bytes(json.dumps(GOOD).encode() + b"\n" + raw + b"\n")
    with pytest.raises(BadSuite, match=r"line 2") as caught:
        read_items(path)
    assert message in str(caught.value)


def test_no_file_and_no_items(tmp_path: Path):
    with pytest.raises(BadSuite, match="cannot read"):
        read_items(tmp_path / "none")
    (tmp_path / "empty").write_text("\n\n")
    with pytest.raises(BadSuite, match="holds no items"):
        read_suites(tmp_path / "empty")
