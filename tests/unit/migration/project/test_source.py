"""Bytes, texts and places in them."""

import ast
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.migration.project import BadSource, Edit, decode, read_source, splice

NAMES = st.text("aé日\U00010400ß", min_size=1, max_size=4).filter(str.isidentifier)
STRINGS = st.text("abé日💥 ", max_size=5).map(repr)
IMPORTS = st.one_of(
    st.builds("import {}".format, NAMES),
    st.builds("from .{} import {} as {}".format, NAMES, NAMES, NAMES),
    st.builds("from {} import ({},\n  {})".format, NAMES, NAMES, NAMES),
    st.builds("import {}, \\\n {}".format, NAMES, NAMES),
)
LINES = st.lists(
    st.one_of(
        st.builds("{}; {}; {}".format, STRINGS, IMPORTS, STRINGS),
        st.builds("if 1:\n\x0c\t{}".format, IMPORTS),
        st.builds("'''{}\n{}'''; {}".format, NAMES, NAMES, IMPORTS),
        st.builds("# {}".format, NAMES),
    ),
    min_size=1,
    max_size=6,
)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])
CODINGS = st.sampled_from(["utf-8", "utf-8-sig", "latin-1", "euc_jp", "cp1252", "koi8-r"])


@st.composite
def files(draw: st.DrawFn) -> bytes:
    end, coding = draw(ENDS), draw(CODINGS)
    text = "\n".join(draw(LINES)).replace("\n", end) + draw(st.sampled_from(["", end]))
    if coding == "utf-8-sig":
        return text.encode(coding)
    text = f"# first{end}# -*- coding: {coding} -*-{end}{text}"
    return text.encode(coding, "ignore")


def segments(data: bytes) -> list[tuple[ast.stmt, int, int]]:
    source, found = decode(data), []
    for node in ast.walk(ast.parse(data)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            start = source.offset((node.lineno, node.col_offset))
            found.append((node, start, source.offset((node.end_lineno, node.end_col_offset))))
    return found


@given(files())
def test_an_offset_is_where_the_statement_stands(data: bytes) -> None:
    source = decode(data)
    assert source.encode() == data
    try:
        found = segments(data)
    except SyntaxError:
        return  # an encoding that lacks a character of the names
    for node, start, end in found:
        text = source.text[start:end].replace("\r\n", "\n").replace("\r", "\n")
        assert ast.dump(ast.parse(text).body[0]) == ast.dump(node)


@given(files())
def test_a_splice_changes_only_the_statements(data: bytes) -> None:
    source = decode(data)
    try:
        found = segments(data)
    except SyntaxError:
        return
    changed = splice(source.text, [Edit(start, end, "import new") for _, start, end in found])
    rest, kept = changed.split("import new"), 0
    for (_, start, end), before in zip(sorted(found, key=lambda each: each[1]), rest, strict=False):
        assert before == source.text[kept:start]
        kept = end
    assert rest[-1] == source.text[kept:]


def test_edits_may_not_overlap() -> None:
    with pytest.raises(AssertionError):
        splice("abcdef", [Edit(0, 3, ""), Edit(2, 4, "")])


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_the_coding_comment_is_on_one_of_the_first_two_lines(end: bytes) -> None:
    assert decode(end.join([b"# x", b"# coding: latin-1", b"y = '\xe9'"])).encoding == "iso-8859-1"
    with pytest.raises(BadSource, match="cannot be decoded"):
        decode(end.join([b"# x", b"y = 1 # coding: latin-1", b"y = '\xe9'"]))
    with pytest.raises(BadSource, match="cannot be decoded"):
        decode(end.join([b"# x", b"# y", b"# coding: latin-1", b"y = '\xe9'"]))


@pytest.mark.parametrize(
    "data",
    [
        b"# coding: nope\n",
        b"# coding: rot13\nvzcbeg bf\n",
        b"# coding: hex\n",
        b"# coding: utf-8\nx = '\xff'\n",
        b"\xef\xbb\xbf# coding: latin-1\n",
        b"# coding: utf-7\nx = '+2AA-'\n",
        b"# coding: unicode_escape\nx = 1\\nimport os\n",
        b"# coding: raw_unicode_escape\nx = '\\ud800'\n",
        b"# coding: undefined\n",
        "# coding: utf-16\nx".encode("utf-16"),
        b"# coding: punycode\nx\n",
    ],
)
def test_what_does_not_come_back_as_the_same_bytes_is_refused(data: bytes) -> None:
    with pytest.raises(BadSource) as raised:
        decode(data)
    assert raised.value.code == "encoding"


def test_an_encoding_may_lack_a_character_of_the_new_text() -> None:
    source = decode(b"# coding: ascii\n")
    with pytest.raises(BadSource, match="cannot be written as ascii"):
        type(source)("é", source.encoding).encode()


def test_only_regular_files_of_a_bearable_size_are_read(tmp_path: Path) -> None:
    big = tmp_path / "big.py"
    with big.open("wb") as file:
        file.truncate(10 << 20)
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "link.py").symlink_to("/etc/hostname")
    found = {}
    for path in (big, tmp_path / "pipe.py", tmp_path / "link.py", tmp_path, tmp_path / "missing.py"):
        with pytest.raises(BadSource) as raised:
            read_source(path)
        found[path.name] = raised.value.code
    assert found == {
        "big.py": "too-large",
        "pipe.py": "no-file",
        "link.py": "unreadable",
        tmp_path.name: "no-file",
        "missing.py": "unreadable",
    }
