"""Under which names each file of a project does run, as far as the project itself tells.

`run_names` lists what is possible. Of these, a second name below another root counts only if something uses it (in
the src layout every file could also be `src.p.a`), and running as a script counts only if it does not fail at once. A
name too many costs a refusal; a name too few can cost correctness, so where in doubt it is kept.
"""

from collections.abc import Iterator, Mapping, Set
from pathlib import PurePosixPath

from strata.migration.imports import Analysis, Evidence, How, Origin, RunName, Via, absolute_name, lives, run_names
from strata.migration.project import Root
from strata.migration.rewrite.doubt import top
from strata.migration.rewrite.reached import with_reached


def live_names(analysis: Analysis) -> Mapping[str, tuple[RunName, ...]]:
    """The names that each file does run as, by path; none for one that nothing can run."""
    evidence = analysis.evidence
    used = evidence.modules | set(_used(analysis))
    tops = {top(name) for name in used}
    by_path = evidence.by_path.keys() | _loose(analysis, used)
    found = {}
    for path, facts in analysis.files.items():
        names = run_names(facts, analysis.modules, by_path, evidence.importlib_mode, evidence.as_main)
        imported = [name for name in names if name.how is How.IMPORT]
        live = [name for i, name in enumerate(imported) if i == 0 or top(name.name) in tops]
        live += _inner_root(path, imported, analysis)
        packages = {name.package for name in live}
        for name in names:
            match name.how:
                case How.PYTEST:
                    live.append(name)
                case How.MODULE if name.package in packages:
                    live.append(name)
                case How.SCRIPT if lives(facts, name):
                    live.append(name)
        found[path] = (*live, *_tested(path, evidence, analysis))
    return with_reached(found, analysis)


def _inner_root(path: str, imported: list[RunName], analysis: Analysis) -> list[RunName]:
    """The file's name from the lowest folder without `__init__.py`, where it is longer than that from the first root.

    Then that root lies inside of a package, which is an error as often as not; or no statement can write the name.
    """
    *folders, last = path.removesuffix(".py").split("/")
    first = len(folders)
    while first > 0 and analysis.modules.has_file("/".join([*folders[:first], "__init__.py"])):
        first -= 1
    if first == len(folders) or (first == 0 and analysis.modules.has_file("__init__.py")):
        return []  # in no package; or the tree is one, and its root knows
    package = ".".join(folders[first:])
    name = package if last == "__init__" else f"{package}.{last}"
    if imported and name.count(".") <= imported[0].name.count("."):
        return []
    root = Root("/".join(folders[:first]), "the folder of a top-level package")
    return [RunName(name, package, (root, *analysis.modules.roots), How.IMPORT)]


def _tested(path: str, evidence: Evidence, analysis: Analysis) -> Iterator[RunName]:
    """Names that runners of tests give a file beside that of `run_names`."""
    file = PurePosixPath(path)
    if evidence.doctest_modules and not analysis.modules.has_file(str(file.with_name("__init__.py"))):
        root = Root(str(file.parent).removeprefix("."), "pytest puts it first on sys.path")
        yield RunName(file.stem, None, (root, *analysis.modules.roots), How.PYTEST)
    for folder in sorted(evidence.start_folders):
        root = Root(folder, "unittest puts it first on sys.path")
        if name := root.name_of(path):
            package = name if file.name == "__init__.py" else name.rpartition(".")[0] or None
            yield RunName(name, package, (root, *analysis.modules.roots), How.IMPORT)


def _used(analysis: Analysis) -> Iterator[str]:
    """Dotted names that anything in the project uses as absolute ones, modules and what is taken from them alike."""
    for path, facts in analysis.files.items():
        package = next((name.package for name in analysis.names[path] if name.how is How.IMPORT), None)
        for statement in facts.statements:
            asked = "" if statement.level is None else absolute_name(statement, package)
            if isinstance(asked, Origin):
                continue
            yield from (f"{asked}.{name}" if asked else name for name, _ in statement.names)
            yield asked
        for string in facts.strings:
            if string.via in {Via.PATCH, Via.IMPORT_MODULE, Via.LAZY}:
                parts = string.value.split(".")
                yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _loose(analysis: Analysis, used: Set[str]) -> set[str]:
    """Files that no statement can name, or outside of packages and imported by none: what runs them but their path?"""
    found = set()
    for path in analysis.files:
        names = [name for _, name in analysis.modules.names(path)]
        packaged = analysis.modules.has_file(str(PurePosixPath(path).with_name("__init__.py")))
        if not names or (not packaged and not any(name in used for name in names)):
            found.add(path)
    return found
