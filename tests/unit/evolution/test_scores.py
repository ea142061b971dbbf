"""Per-item scores as JSON Lines: what was written is read, and what is wrong is named with its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.evolution.scores import BadScores, ItemScore, read_scores, write_scores

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.builds(ItemScore, texts, texts, numbers, st.none() | texts), min_size=1, unique_by=lambda s: s.item))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, scores: list[ItemScore]):
    path = tmp_path_factory.mktemp("scores") / "scores.jsonl"
    write_scores(path, scores)
    assert list(read_scores(path)) == scores


GOOD = '{"domain": "math", "item": "a", "score": 1}\n'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "line 2"),
        ("[1]", "expected"),
        ('{"domain": "math", "item": "b"}', "expected"),
        ('{"domain": "math", "item": "b", "score": 1, "extra": 2}', "expected"),
        ('{"domain": "", "item": "b", "score": 1}', "not empty"),
        ('{"domain": "math", "item": 3, "score": 1}', "texts"),
        ('{"domain": "math", "item": "b", "score": true}', "finite number"),
        ('{"domain": "math", "item": "b", "score": NaN}', "finite number"),
        ('{"domain": "math", "item": "b", "score": 1e999}', "finite number"),
        ('{"domain": "math", "item": "b", "score": 1%s}' % ("0" * 400), "finite number"),
        ('{"domain": "math", "item": "a", "score": 0}', "twice"),
        ("[" * 9000, "nested"),
        ('"%s"' % ("x" * 10_000), "longer"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str):
    path = tmp_path / "scores.jsonl"
    path.write_text(GOOD + line + "\n")
    with pytest.raises(BadScores, match=r"line 2.*" + message if message != "line 2" else message):
        read_scores(path)


def test_no_file_and_no_scores(tmp_path: Path):
    with pytest.raises(BadScores, match="cannot read"):
        read_scores(tmp_path / "none")
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(BadScores, match="no scores"):
        read_scores(tmp_path / "empty")
