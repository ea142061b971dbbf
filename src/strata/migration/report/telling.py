"""The migration guide: what was done to a project and why, what was left and why, and how to undo it."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from strata.migration.report.contents import Account, Left
from strata.migration.report.matrix import matrix_plot
from strata.pages import Page, Section, Severity, section

_STRATEGIES = {
    "relative_preferred": "relative within a package",
    "absolute": "absolute",
    "absolute_across_relative_within": "relative inside a subpackage, absolute across",
}
# What a reader can do about each reason for a refusal.
_ADVICE = {
    "script": "It runs by its path, where no relative import works: run it with `python -m`, and it can be converted.",
    "pytest": "pytest imports it by a name without a package: give its folder an `__init__.py`, or leave it.",
    "two-names": "It is imported under two names: import it by one of them everywhere.",
    "no-name": "No dotted name leads to it, as to a file in a folder with a hyphen.",
    "beyond": "Its dots lead above the top-level package: it fails wherever it runs.",
    "stdlib-name": "The absolute name would be a standard-library module's: name the right root with `--root`.",
    "shadowed": "Another file is found under its name: rename one, or name the right root with `--root`.",
    "dual-mode": "It tries one form and falls back to another, and is meant to: leave it.",
    "loaded-by-path": "Other code loads it by its path, so it has no package: import it by its name there.",
    "rebound": "The file itself sets what relative imports count from: leave it.",
    "syntax": "It does not parse: mend it first.",
    "encoding": "It cannot be decoded exactly: mend its coding comment first.",
    "edited": "Somebody edited it meanwhile: run the migration again.",
    "dirty": "It has changes that are not committed: commit them first, or allow it.",
}
_MATRIX = (
    "A mark says that the module of its row imports the module of its column. Imported modules stand above and left of "
    "their importers, package by package; frames are packages. Tests are left out."
)


def guide(account: Account) -> Page:
    """The whole account as a page."""
    return Page(f"Migration of {account.tree}", *_verdict(account), _summary(account), _steps(account), _all(account))


def _verdict(account: Account) -> tuple[str, Severity]:
    if account.tests and account.tests.changed:
        return "tests changed", "high"
    if account.undone:
        return "done, some steps undone", "low"
    return ("done" if account.changed_files else "nothing to do"), "none"


def _summary(account: Account) -> str:
    form = _STRATEGIES.get(account.strategy, account.strategy)
    parts = [f"{account.converted:,} imports in {account.changed_files:,} of {account.files:,} files are now {form}."]
    if account.moved:
        shims = sum(each.shim for each in account.moved)
        kept = f", {shims} of them with a shim at the old path" if shims else ""
        parts.append(f"{len(account.moved):,} modules moved{kept}.")
    if account.left:
        parts.append(f"{len(account.left):,} places were left as they are; the reasons are below.")
    if (tests := account.tests) is not None:
        same = "the same as before" if not tests.changed else f"{len(tests.changed):,} have another result than before"
        parts.append(f"Of the project's tests {tests.passed_after:,} pass and {tests.failed_after:,} fail: {same}.")
    else:
        parts.append("The project's tests were not run.")
    return " ".join(parts)


def _steps(account: Account) -> tuple[str, ...]:
    steps = [
        "Every changed file was proved: under each name that it runs as, it asks for the same modules in the same "
        "order, and nothing but the module part of its imports is another."
    ]
    if account.moved:
        steps.append(
            "Moved modules kept their old path where outside code may use it: a shim there hands out the same module "
            "object, so classes, pickles and patches stay the same. Use the new paths below, then delete the shims."
        )
    return (*steps, f"To bring every byte back: {account.undo}")


def _all(account: Account) -> tuple[Section, ...]:
    return tuple(_sections(account))


def _sections(account: Account) -> Iterator[Section]:
    before, after = account.before, account.after
    rows = [
        ("relative", f"{before.relative:,}", f"{after.relative:,}"),
        ("absolute", f"{before.absolute:,}", f"{after.absolute:,}"),
        ("import p.x", f"{before.plain:,}", f"{after.plain:,}"),
    ]
    note = "Imports of the project's own modules. `import p.x` has no relative form and is never changed."
    yield section("Imports", ("form", "before", "after"), rows, {1, 2}, note=note)
    if account.matrices or account.measures:
        yield _coupling(account)
    if account.moved:
        moves = [
            (each.old, each.new, f"{each.gain:+g}", str(each.importers), "yes" if each.shim else "no")
            for each in account.moved
        ]
        head = ("module", "is now", "imports across packages saved", "files that import it", "shim")
        yield section("Moved modules", head, moves, {2, 3}, first=True)
    if account.undone:
        yield section("Undone steps", ("step", "why"), [(each.name, each.why) for each in account.undone], first=True)
    if account.left:
        yield _by_reason("Left as it is", account.left)
        yield _places("Places that were left", account.left)
    if account.unverifiable:
        note = "These could not be imported before either, so running them proves nothing; the static proof holds."
        yield _places("Could not be run", account.unverifiable, note)
    if account.broken:
        note = "Found before anything was changed, and not changed."
        yield _places("Broken before", account.broken, note)


def _coupling(account: Account) -> Section:
    rows = [
        (name, f"{before:,.4g}", f"{after:,.4g}", _change(before, after))
        for name, (before, after) in account.measures.items()
    ]
    picture = matrix_plot(account.matrices) if account.matrices else None
    return section("Coupling", ("measure", "before", "after", "change"), rows, {1, 2, 3}, picture=picture, note=_MATRIX)


def _by_reason(title: str, left: Sequence[Left]) -> Section:
    counts = Counter(each.code for each in left)
    files: dict[str, set[str]] = defaultdict(set)
    for each in left:
        files[each.code].add(each.path)
    rows = [
        (code, f"{count:,}", f"{len(files[code]):,}", _ADVICE.get(code, _first_message(left, code)))
        for code, count in counts.most_common()
    ]
    return section(title, ("reason", "places", "files", "what can be done"), rows, {1, 2}, first=True)


def _places(title: str, left: Sequence[Left], note: str = "") -> Section:
    rows = [(_place(each), each.code, each.message) for each in left]
    return section(title, ("where", "reason", "what"), rows, note=note, first=True)


def _first_message(left: Sequence[Left], code: str) -> str:
    return next(each.message for each in left if each.code == code)


def _place(left: Left) -> str:
    return left.path if left.line is None else f"{left.path}:{left.line}"


def _change(before: float, after: float) -> str:
    return "\N{EN DASH}" if not before else f"{(after - before) / before:+.0%}".replace("-", "\N{MINUS SIGN}")
