"""Models made again from their recipes, and compared with what they were, bit for bit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from strata.errors import StrataError
from strata.evolution.lineage.sound import damage
from strata.evolution.models import open_model
from strata.evolution.recipes import Recipe
from strata.store import Lineage, ModelRecord, Store


@dataclass(frozen=True)
class Child:
    """What a merge put into the store; made_with: what beside the recipe decides its bytes, such as versions."""

    digest: str
    made_with: str


class Merge(Protocol):
    """Carries out a recipe whose parents are in the store. Raises StrataError where it cannot."""

    def __call__(self, recipe: Recipe, /) -> Child:
        """The child, in the store."""
        ...


@dataclass(frozen=True)
class Rebuilt:
    """The model is whole in the store; `merged` were made again for it, parents first, each the same bit for bit."""

    digest: str
    merged: tuple[str, ...]


@dataclass(frozen=True)
class Mismatch:
    """The recipe of `digest` (of the model asked for, or of an ancestor) gave `found` instead, and why that may be."""

    digest: str
    found: str
    why: str


@dataclass(frozen=True)
class Unrebuildable:
    """`digest` (the model asked for, or an ancestor) can neither be read nor be made again."""

    digest: str
    why: str


Rebuilding = Rebuilt | Mismatch | Unrebuildable


Steps = tuple[tuple[ModelRecord, Recipe], ...]


def rebuild(store: Store, lineage: Lineage, digest: str, merge: Merge, *, afresh: bool = False) -> Rebuilding:
    """Have a model whole in the store, made from its recipe, and its parents from theirs, as far back as need be.

    Sound models are taken as they are; with `afresh` every one but the founders is merged again, to see whether it
    still comes out the same. Raises LedgerError for a model that the lineage does not know.
    """
    steps = plan_rebuilding(store, lineage, digest, afresh=afresh)
    if isinstance(steps, Unrebuildable):
        return steps
    for record, recipe in steps:
        try:
            found = merge(recipe)
        except StrataError as error:
            return Unrebuildable(record.digest, f"merging it again failed: {error}")
        if found.digest != record.digest:
            return Mismatch(record.digest, found.digest, _difference(store, record, found))
    if (left := damage(store, digest)) is not None:
        return Unrebuildable(digest, left)
    return Rebuilt(digest, tuple(record.digest for record, _ in steps))


def plan_rebuilding(store: Store, lineage: Lineage, digest: str, *, afresh: bool = False) -> Steps | Unrebuildable:
    """What `rebuild` would merge, parents before children; nothing is changed. Raises LedgerError."""
    needed = {digest}
    steps: list[tuple[ModelRecord, Recipe]] = []
    for record in reversed(lineage.ancestry(digest)):
        taken_as_it_is = record.founder or not afresh
        if record.digest not in needed or (taken_as_it_is and damage(store, record.digest) is None):
            continue
        recipe = _recipe(store, record)
        if isinstance(recipe, Unrebuildable):
            return recipe
        steps.append((record, recipe))
        needed.update(recipe.models)
    return tuple(reversed(steps))


def _recipe(store: Store, record: ModelRecord) -> Recipe | Unrebuildable:
    if record.recipe is None:
        return Unrebuildable(record.digest, f"founder {record.name}: {damage(store, record.digest)}")
    try:
        return Recipe.from_json(store.read(record.recipe))
    except StrataError as error:
        return Unrebuildable(record.digest, f"the recipe of {record.name}: {error}")


def _difference(store: Store, record: ModelRecord, found: Child) -> str:
    tools = f"it was made with {record.made_with or 'what is not known'}, now with {found.made_with}"
    if record.made_with == found.made_with:
        tools = f"both were made with {found.made_with}: the merge is not deterministic, or its record is wrong"
    return f"{tools}; {_files_that_differ(store, record.digest, found.digest)}"


def _files_that_differ(store: Store, before: str, after: str) -> str:
    try:
        one, other = open_model(store, before).files, open_model(store, after).files
    except (StrataError, OSError):
        return "its old manifest is gone, so which files differ cannot be told"
    return f"files that differ: {_listed(sorted(n for n in one.keys() | other.keys() if one.get(n) != other.get(n)))}"


def _listed(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


@dataclass(frozen=True)
class Remaking:
    """Rebuilding, with what hinders it as text: None where nothing does. merge: None where there is none."""

    store: Store
    lineage: Lineage
    merge: Merge | None

    def hindrance(self, digest: str) -> str | None:
        """What hinders it, as far as that is known without doing it."""
        if self.merge is None:
            return "nothing was given to rebuild it with"
        try:
            steps = plan_rebuilding(self.store, self.lineage, digest)
        except StrataError as error:
            return str(error)
        return steps.why if isinstance(steps, Unrebuildable) else None

    def remake(self, digest: str) -> str | None:
        """Rebuild a model; what hindered it."""
        if (hindrance := self.hindrance(digest)) is not None or self.merge is None:
            return hindrance
        outcome = rebuild(self.store, self.lineage, digest, self.merge)
        return None if isinstance(outcome, Rebuilt) else outcome.why
