"""The nodes on lines with a word, against a walk of all nodes."""

import ast
import importlib.util
from pathlib import Path

import pytest

from strata.migration.imports import strings
from strata.migration.imports.search import Lines


def places(nodes: object) -> list[tuple[int, int, str]]:
    return sorted(
        (node.lineno, node.col_offset, node.value)
        for node in nodes
        if isinstance(node, ast.Constant) and node.value == "word"
    )


TEXT = """
@deco("word")
class A:
    @deco(f"{a}", x["word"])
    def f(self, a="word", *, b: "word" = 1) -> "word":
        return [i for i in f('''
        {x}''', "word") if "word"]
x = f'''
{g("word")} {h(
  "word")}'''
match x:
    case "word" if y == "word":
        lambda: ("word", {"word": "word"})
try: "word"
except E("word"): "word"
"""


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_node_on_a_line_with_the_word_is_walked(end: str) -> None:
    data = TEXT.replace("\n", end).encode()
    tree = ast.parse(data)
    assert places(Lines(data, [b"word"]).walk(tree)) == places(ast.walk(tree))
    assert len(places(ast.walk(tree))) == 17


def test_what_has_no_such_line_is_not_walked() -> None:
    data = b"def f():\n a\n b\ndef g():\n word\n"
    walked = {node.name for node in Lines(data, [b"word"]).walk(ast.parse(data)) if isinstance(node, ast.FunctionDef)}
    assert walked == {"g"}
    assert not Lines(b"def f(): pass", [b"word"])


def test_an_encoding_may_hide_a_word() -> None:
    assert Lines(b"# coding: utf-7\nx", [b"word"])
    assert Lines(b"\n# vim: set fileencoding=latin-1 :\nx", [b"word"])
    assert not Lines(b"\n\n# coding: utf-7\nx", [b"word"])


@pytest.mark.parametrize("package", ["networkx", "libcst"])
def test_strings_of_real_files_are_those_of_a_walk(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.origin is not None
    texts = [file.read_bytes() for file in sorted(Path(found.origin).parent.rglob("*.py"))[::2]]
    texts = [text for text in texts if b"patch" in text or b"import_module" in text or b"executable" in text]
    quick = [strings.string_references(ast.parse(text), text) for text in texts]
    monkeypatch.setattr(Lines, "walk", lambda _self, tree: ast.walk(tree))
    monkeypatch.setattr(Lines, "__bool__", lambda _self: True)
    assert quick == [strings.string_references(ast.parse(text), text) for text in texts]
    assert sum(map(len, quick)) > 0
