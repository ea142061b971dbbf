"""What a project's configuration and its own code say about how its files are run. Read, never executed.

A file that is named on a command line (`python tools/x.py`, `python -m doctest p/x.py`) or is loaded by its path by
other code runs without a parent package, whatever else imports it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from strata.migration.imports.facts import FileFacts, StringReference, Via
from strata.migration.project import BadSource, Modules, Tree, read_configuration, read_source

_MOST_BYTES = 1 << 20
_LONGEST = 4096  # characters of a path
_MOST_WORDS, _MOST_FOLDERS = 1000, 20  # of one file
_CONTINUED = re.compile(r"\\\r?\n")
# What runs Python: a variable in a Makefile or a shell script may hold the interpreter.
_RUNNER = re.compile(
    r"(?i)python|\bpypy|\$[({]?\w*py\w*|\b(?:uv|pdm|poetry|hatch|pipenv)\s+run\b|torchrun|doctest|launch"
)
# Tools that are given files and do not run them as scripts.
_READS = re.compile(
    r"(?:-m\s+|\brun\s+)(?:pytest|mypy|ruff|flake8|black|isort|pylint|py_compile|compileall|pyright|bandit)\b"
)
_BETWEEN = re.compile(r"""[\s"'`,;=()|&<>{}:$]+""")
_MODULE = re.compile(r"""-m[\s"',]+([A-Za-z_]\w*(?:\.\w+)*)""")
_IN_NAME = re.compile(r"[\w.:]")
_NAMED = re.compile(r"[=\"'\s]([A-Za-z_][\w.]*):[A-Za-z_]")  # `pkg.mod:function`, as entry points and servers take it
_UNITTEST = re.compile(r"unittest\s+discover\s+(?:-s\s*|--start-directory[ =])?([\w./]+)(?![^\n]*\s-t)")
_IMPORTLIB = re.compile(r"\bpytest\b[^\n]*--import-mode[= ]importlib")
_ENTERED = re.compile(r"(?:\bcd|working-directory:|changedir\s*=|chdir:)\s+([\w./-]+)")
# What tools run by its path, wherever it lies outside of packages.
_TOOLS = {
    "setup.py": "setuptools",
    "noxfile.py": "nox",
    "manage.py": "Django",
    "conf.py": "Sphinx",
    "env.py": "Alembic",
    "fabfile.py": "Fabric",
    "dodo.py": "doit",
    "hatch_build.py": "Hatch",
    "hubconf.py": "torch.hub",
}


@dataclass(frozen=True)
class Evidence:
    """How files are run, besides being imported.

    by_path: files that run without a parent package, and who says so. as_main: dotted names run by `python -m`.
    importlib_mode, doctest_modules: pytest is told `--import-mode=importlib`, `--doctest-modules`.
    start_folders: where unittest begins to look, which is then first on `sys.path`.
    modules: dotted names that anything names as `pkg.mod:function`.
    references: in each configuration file, the strings that name modules: entry points and arguments of `-m`.
    """

    by_path: Mapping[str, str] = field(default_factory=dict)
    as_main: frozenset[str] = frozenset()
    importlib_mode: bool = False
    doctest_modules: bool = False
    start_folders: frozenset[str] = frozenset()
    modules: frozenset[str] = frozenset()
    references: Mapping[str, tuple[StringReference, ...]] = field(default_factory=dict)


def find_evidence(tree: Tree, modules: Modules, facts: Iterable[FileFacts]) -> Evidence:
    """Read the tree's configuration files, and the strings in code that name files; raises nothing."""
    by_path = {
        file.path: tool
        for file in tree.files
        if (tool := _TOOLS.get(file.path.rpartition("/")[2]))
        and not modules.has_file(f"{file.path.removesuffix(file.path.rpartition('/')[2])}__init__.py")
    }
    references: dict[str, tuple[StringReference, ...]] = {}
    paths = _Paths(tree)
    modules_named: set[str] = set()
    starts: set[str] = set()
    importlib, doctests = False, False
    for file in tree.configurations:
        try:
            text = read_source(tree.root / file.path, _MOST_BYTES).decode()
        except (BadSource, UnicodeDecodeError):
            continue
        for path in paths.run_by(text, file.path):
            by_path.setdefault(path, file.path)
        if found := _module_arguments(text, modules):
            references[file.path] = found
        modules_named.update(_NAMED.findall(text))
        starts.update(folder.strip("./") for folder in _UNITTEST.findall(text))
        importlib = importlib or _IMPORTLIB.search(text) is not None
        doctests = doctests or "--doctest-modules" in text
    as_main = {each.value for some in references.values() for each in some}
    for each in facts:
        for reference in each.strings:
            if reference.via is Via.RUN_MODULE:
                as_main.add(reference.value)
            elif reference.via in {Via.RUN_PATH, Via.FILE_LOCATION} and reference.value.endswith(".py"):
                for path in paths.named(reference.value, [PurePosixPath(each.path).parent.as_posix()], anywhere=True):
                    by_path.setdefault(path, each.path)
    configured = read_configuration(tree.root)
    declared: dict[str, dict[str, None]] = {}
    for name, value in configured.entry_points():
        declared.setdefault(name, {})[value] = None
    for name, values in declared.items():
        references[name] = (*references.get(name, ()), *_entry_points(tree, name, list(values)[:_MOST_WORDS]))
    modes = re.findall(r"--import-mode[= ](\S+)", " ".join(configured.pytest("addopts")))
    return Evidence(
        by_path=by_path,
        as_main=frozenset(as_main),
        importlib_mode=importlib or modes[-1:] == ["importlib"],
        doctest_modules=doctests,
        start_folders=frozenset(starts - {""}),
        modules=frozenset(modules_named),
        references=references,
    )


class _Paths:
    """The Python files that a path in a text can mean."""

    def __init__(self, tree: Tree) -> None:
        self._paths = [file.path for file in tree.files]
        self._known = set(self._paths)
        self._ending: dict[str, list[str]] = {}
        for path in self._paths:
            self._ending.setdefault(path.rpartition("/")[2], []).append(path)

    def run_by(self, text: str, file: str) -> Iterator[str]:
        """Files that the lines of a configuration file run."""
        entered = dict.fromkeys(each for each in _ENTERED.findall(text) if len(each) <= _LONGEST)
        folders = ["", PurePosixPath(file).parent.as_posix(), *list(entered)[:_MOST_FOLDERS]]
        seen: set[str] = set()
        for line in _CONTINUED.sub(" ", text).splitlines():
            if ".py" not in line or _READS.search(line):
                continue
            runs = _RUNNER.search(line) is not None
            for word in _BETWEEN.split(line):
                if not word.endswith(".py") or len(word) > _LONGEST or word in seen:
                    continue
                seen.add(word)
                if len(seen) > _MOST_WORDS:
                    return
                if runs or word.startswith("./") or ("*" in word and re.search(r"\bfor\b", line)):
                    yield from self.named(word, folders, anywhere=True)

    def named(self, word: str, folders: Iterable[str], *, anywhere: bool = False) -> list[str]:
        """Those at `word` from the tree's root or one of the folders; `anywhere`: else those whose path ends so."""
        places = list(dict.fromkeys(_place(folder, word) for folder in ("", *folders)))
        if "*" in word or "?" in word or "[" in word:
            patterns = [place for place in places if place]
            return [path for path in self._paths if any(_matches(path, pattern) for pattern in patterns)]
        found = [place for place in places if place in self._known]
        if found or not anywhere:
            return found
        inside = _place("", word) or word
        return [path for path in self._ending.get(inside.rpartition("/")[2], ()) if f"/{path}".endswith(f"/{inside}")]


def _place(folder: str, word: str) -> str:
    parts: list[str] = []
    for part in (*folder.split("/"), *word.split("/")):
        if part == ".." and parts:
            parts.pop()
        elif part not in {"", ".", ".."}:
            parts.append(part)
    return "/".join(parts)


def _matches(path: str, pattern: str) -> bool:
    parts, wanted = path.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def _module_arguments(text: str, modules: Modules) -> tuple[StringReference, ...]:
    """`-m p.x` where that is a module of the project."""
    return tuple(
        _reference(text, match.start(1), match[1], Via.RUN_MODULE)
        for match in _MODULE.finditer(text)
        if modules.knows(match[1]) and modules.find(match[1]) is not None
    )


def _entry_points(tree: Tree, file: str, values: Iterable[str]) -> Iterator[StringReference]:
    try:
        text = read_source(tree.root / file, _MOST_BYTES).decode()
    except (BadSource, UnicodeDecodeError):
        return
    for value in filter(None, values):
        start = text.find(value)
        while start >= 0:
            end = start + len(value)
            if not _IN_NAME.match(text, end) and not (start and _IN_NAME.match(text, start - 1)):
                yield _reference(text, start, value, Via.ENTRY_POINT)
            start = text.find(value, end)


def _reference(text: str, start: int, value: str, via: Via) -> StringReference:
    line, column = text.count("\n", 0, start) + 1, start - (text.rfind("\n", 0, start) + 1)
    before = len(text[start - column : start].encode())
    return StringReference((line, before), (line, before + len(value.encode())), value, via)
