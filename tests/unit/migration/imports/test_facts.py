"""Facts survive being kept as JSON."""

import json

from hypothesis import given
from hypothesis import strategies as st

from strata.migration.imports import FileFacts, Guard, Statement, StringReference, Via
from strata.migration.project import Problem

TEXTS = st.text(max_size=8)
PLACES = st.tuples(st.integers(1, 1 << 40), st.integers(0, 1 << 40))
STATEMENTS = st.builds(
    Statement,
    PLACES,
    PLACES,
    st.one_of(st.none(), st.integers(0, 9)),
    TEXTS,
    st.lists(st.tuples(TEXTS, st.one_of(st.none(), TEXTS)), min_size=1, max_size=3).map(tuple),
    TEXTS,
    st.integers(0, 31).map(Guard),
)
STRINGS = st.builds(StringReference, PLACES, PLACES, TEXTS, st.sampled_from(Via))


@st.composite
def facts(draw: st.DrawFn) -> FileFacts:
    path = draw(TEXTS)
    problem = st.builds(Problem, st.just(path), TEXTS, TEXTS, st.one_of(st.none(), st.integers()))
    return FileFacts(
        path,
        draw(TEXTS),
        tuple(draw(st.lists(STATEMENTS, max_size=3))),
        tuple(draw(st.lists(STRINGS, max_size=3))),
        draw(st.booleans()),
        draw(st.booleans()),
        tuple(draw(st.lists(TEXTS, max_size=2))),
        draw(st.one_of(st.none(), problem)),
    )


@given(facts())
def test_there_and_back(before: FileFacts) -> None:
    after = FileFacts.from_json(json.loads(json.dumps(before.to_json())))
    assert after == before
    assert hash(after) == hash(before)  # no list where a tuple was
    assert [type(each.guard) for each in after.statements] == [Guard] * len(after.statements)
