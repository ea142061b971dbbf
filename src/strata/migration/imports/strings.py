"""Strings that name modules or files: targets of `mock.patch`, arguments of `import_module`, files that are run."""

import ast
import re
from collections.abc import Iterator

from strata.migration.imports.facts import StringReference, Via
from strata.migration.imports.search import Lines

_CALLS = {
    "patch": Via.PATCH,
    "patch.object": Via.PATCH,
    "patch.dict": Via.PATCH,
    "patch.multiple": Via.PATCH,
    "setattr": Via.PATCH,
    "delattr": Via.PATCH,
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
    "resolve_name": Via.LAZY,
    "get_data": Via.LAZY,
    "resource_filename": Via.LAZY,
    "resources.files": Via.LAZY,
    "resources.path": Via.LAZY,
    "resources.read_text": Via.LAZY,
    "resources.open_text": Via.LAZY,
}
# Only lines with these words are searched: walking every expression takes longer than parsing.
_WORDS = (*{name.partition(".")[0].encode() for name in _CALLS}, b"executable", b'"python', b"'python")


# A module that has its attributes made on demand names them, and where they come from, in tables at its top.
_ON_DEMAND = (b"def __getattr__(name", b"def __getattr__(attr", b"_LazyModule", b"lazy_loader")
_IN_TABLE = re.compile(r"\.*[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?::[A-Za-z_][\w.]*)?")


def string_references(tree: ast.Module, data: bytes) -> tuple[StringReference, ...]:
    """Every string constant inside a call that takes names of modules or files, in a command that runs Python, or in
    the tables of a module that loads others on demand; in the order of the text.
    """
    lines = Lines(data, _WORDS)
    found = {(each.start, each.end): each for node in lines.walk(tree) for each in _references(node)} if lines else {}
    if any(word in data for word in _ON_DEMAND):
        found |= {(each.start, each.end): each for each in _tables(tree)}
    return tuple(sorted(found.values(), key=lambda each: each.start))


def _tables(tree: ast.Module) -> Iterator[StringReference]:
    """Strings with a dot that look like names of modules, in what is assigned at the top of a module."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict | ast.List | ast.Tuple):
            for inner in ast.walk(node.value):
                match inner:
                    case ast.Constant(value=str(value)) if "." in value and _IN_TABLE.fullmatch(value):
                        yield _reference(inner, value, Via.LAZY)


def _references(node: ast.AST) -> Iterator[StringReference]:
    if isinstance(node, ast.List | ast.Tuple):
        yield from _command(node.elts)
    if not isinstance(node, ast.Call) or (via := _via(node.func)) is None:
        return
    arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
    if via is Via.PATCH:  # what follows the target is an attribute, or a value
        targets = [*node.args[:1], *(each.value for each in node.keywords if each.arg == "target")]
        arguments = [each for each in targets if isinstance(each, ast.Constant | ast.JoinedStr | ast.BinOp)]
    for argument in arguments:
        for inner in ast.walk(argument):
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                yield _reference(inner, inner.value, via)


def _command(words: list[ast.expr]) -> Iterator[StringReference]:
    """The file or module of `[sys.executable, ...]` and `["python", ...]`."""
    match words:
        case [ast.Attribute(attr="executable"), *rest]:
            pass
        case [ast.Constant(value=str(program)), *rest] if program.startswith("python"):
            pass
        case _:
            return
    before = None
    for word in rest:
        for inner in ast.walk(word):
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                if before == "-m":
                    yield _reference(inner, inner.value, Via.RUN_MODULE)
                elif inner.value.endswith(".py"):
                    yield _reference(inner, inner.value, Via.RUN_PATH)
                before = inner.value


def _reference(node: ast.Constant, value: str, via: Via) -> StringReference:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return StringReference((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset), value, via)


def _via(function: ast.expr) -> Via | None:
    parts: list[str] = []
    while isinstance(function, ast.Attribute):
        parts.insert(0, function.attr)
        function = function.value
    if isinstance(function, ast.Name):
        parts.insert(0, function.id)
    return _CALLS.get(".".join(parts[-2:])) or (_CALLS.get(parts[-1]) if parts else None)
