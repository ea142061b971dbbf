"""Strings that name modules or files: targets of `mock.patch`, arguments of `import_module`, paths that are run."""

import ast
from collections.abc import Iterator

from strata.migration.imports.facts import StringReference, Via
from strata.migration.imports.search import Lines

_CALLS = {
    "patch": Via.PATCH,
    "patch.object": Via.PATCH,
    "patch.dict": Via.PATCH,
    "patch.multiple": Via.PATCH,
    "monkeypatch.setattr": Via.PATCH,
    "mocker.patch": Via.PATCH,
    "import_module": Via.IMPORT_MODULE,
    "__import__": Via.IMPORT_MODULE,
    "importorskip": Via.IMPORT_MODULE,
    "run_module": Via.IMPORT_MODULE,
    "find_spec": Via.IMPORT_MODULE,
    "run_path": Via.RUN_PATH,
    "spec_from_file_location": Via.FILE_LOCATION,
    "SourceFileLoader": Via.FILE_LOCATION,
    "preload_module": Via.LAZY,
    "_sub_module_deprecation": Via.LAZY,
    "lazy_import": Via.LAZY,
    "import_string": Via.LAZY,
    "import_object": Via.LAZY,
}
# Only lines with these words are searched: walking every expression takes longer than parsing.
_WORDS = (*(name.encode() for name in _CALLS if "." not in name), b"setattr")


def string_references(tree: ast.Module, data: bytes) -> tuple[StringReference, ...]:
    """Every string constant inside a call that takes names of modules or files, in the order of the text."""
    lines = Lines(data, _WORDS)
    if not lines:
        return ()
    found = {(each.start, each.end): each for node in lines.walk(tree) for each in _references(node)}
    return tuple(sorted(found.values(), key=lambda each: each.start))


def _references(node: ast.AST) -> Iterator[StringReference]:
    if not isinstance(node, ast.Call) or (via := _via(node.func)) is None:
        return
    arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
    if via is Via.PATCH:
        arguments = node.args[:1]
    for argument in arguments:
        for inner in ast.walk(argument):
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str) and inner.end_lineno is not None:
                start, end = (inner.lineno, inner.col_offset), (inner.end_lineno, inner.end_col_offset or 0)
                yield StringReference(start, end, inner.value, via)


def _via(function: ast.expr) -> Via | None:
    parts: list[str] = []
    while isinstance(function, ast.Attribute):
        parts.insert(0, function.attr)
        function = function.value
    if isinstance(function, ast.Name):
        parts.insert(0, function.id)
    return _CALLS.get(".".join(parts[-2:])) or (_CALLS.get(parts[-1]) if parts else None)
