"""The names that a file can run as; what an import means depends on it."""

from collections.abc import Container
from dataclasses import dataclass
from enum import StrEnum

from strata.migration.imports.facts import FileFacts, Guard
from strata.migration.project import Modules, Root


class How(StrEnum):
    """What runs a file."""

    IMPORT = "import"
    PYTEST = "pytest"  # which imports a test by a name of its own making
    MODULE = "python -m"
    SCRIPT = "script"  # by its path: also loaded by path from other code


@dataclass(frozen=True, slots=True)
class RunName:
    """One way in which a file runs.

    name: its `__name__`. package: what relative imports count from; None where there is nothing.
    roots: where absolute names are looked up, in this order.
    """

    name: str
    package: str | None
    roots: tuple[Root, ...]
    how: How


def run_names(
    facts: FileFacts,
    modules: Modules,
    by_path: Container[str] = (),
    importlib_mode: bool = False,
    as_main: Container[str] = (),
) -> tuple[RunName, ...]:
    """Every name that a file can run as, without repeats, those by which it can be imported first.

    A name other than these under which the file fails already, with its first relative import, is left out: it holds
    nothing up.

    by_path: files that something names by path: other code, or a project's configuration.
    importlib_mode: pytest is told `--import-mode=importlib`, which gives a test no parent package that counts.
    as_main: dotted names that something runs by `python -m`.
    """
    found = []
    folder, _, file = facts.path.rpartition("/")
    for _, name in modules.names(facts.path):
        package = name if file == "__init__.py" else name.rpartition(".")[0] or None
        found.append(RunName(name, package, modules.roots, How.IMPORT))
        if facts.main or file == "__main__.py" or name in as_main:
            found.append(RunName("__main__", package, modules.roots, How.MODULE))
    others = [_pytest_name(facts.path, modules, importlib_mode)] if is_test(facts.path) else []
    if facts.main or facts.shebang or facts.path in by_path or _has_two_modes(facts):
        root = Root(folder, "the script's folder")
        others.append(RunName("__main__", None, (root, *modules.roots), How.SCRIPT))
    living = [name for name in others if lives(facts, name)]
    return tuple(dict.fromkeys([*found, *(living if found else others)]))


def lives(facts: FileFacts, name: RunName) -> bool:
    """Whether the file, run as `name`, gets past its own relative imports.

    One that stands at the top of the file, and not in a `try`, under a condition or in a function, fails where nothing
    is known that it could count from; unless the file sets `__package__` or the like itself.
    """
    certain = (each for each in facts.statements if each.guard is Guard.NONE and each.level)
    parts = 0 if name.package is None else name.package.count(".") + 1
    return bool(facts.rebinds) or all((each.level or 0) <= parts for each in certain)


def is_test(path: str) -> bool:
    """Whether pytest collects the file, or loads it as a plugin, by its usual patterns."""
    name = path.rpartition("/")[2]
    return name == "conftest.py" or name.startswith("test_") or name.endswith("_test.py")


def _pytest_name(path: str, modules: Modules, importlib_mode: bool) -> RunName:
    """By pytest's "prepend" mode: the name counts from the lowest folder without `__init__.py`."""
    parts = path.removesuffix(".py").split("/")
    if importlib_mode:
        return RunName(".".join(parts), None, modules.roots, How.PYTEST)
    first = len(parts) - 1
    while first > 0 and modules.has_file("/".join([*parts[:first], "__init__.py"])):
        first -= 1
    if first == 0 and modules.has_file("__init__.py"):
        root = modules.roots[0]  # the tree is a package
        return RunName(".".join([root.prefix, *parts]), ".".join([root.prefix, *parts[:-1]]), modules.roots, How.PYTEST)
    root = Root("/".join(parts[:first]), "pytest puts it first on sys.path")
    package = ".".join(parts[first:-1]) or None
    return RunName(".".join(parts[first:]), package, (root, *modules.roots), How.PYTEST)


def _has_two_modes(facts: FileFacts) -> bool:
    """`try: from .x import y` with `except ImportError: from x import y`: written to run as a script too."""
    both = [each for each in facts.statements if each.guard is not Guard.NONE]
    tried = {name for each in both if each.level and each.guard & Guard.TRY for name, _ in each.names}
    return bool(tried) and any(
        name in tried for each in both if not each.level and each.guard & Guard.HANDLER for name, _ in each.names
    )
