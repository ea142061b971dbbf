"""Who is in the family: founders, whose bytes are kept, and children, whose recipes are."""

from datetime import UTC, datetime

from strata.closing import Closing
from strata.errors import StrataError
from strata.evolution.lineage.errors import UnknownModel
from strata.evolution.lineage.rebuilding import Child
from strata.evolution.lineage.sound import verify_model
from strata.evolution.recipes import Recipe
from strata.store import ChampionLog, GenerationLog, Ledger, Lineage, ModelRecord, Store

FOUNDER = "founder"  # kinds of the refs that keep models
CHILD = "child"


class Family(Closing):
    """Models of a store and their lineage in a ledger (its URL, or an open one). Close it, or use it as a context."""

    def __init__(self, store: Store, ledger: str | Ledger) -> None:
        self.store, self.lineage = store, Lineage(ledger)
        self._generations, self._champions = GenerationLog(self.lineage), ChampionLog(self.lineage)

    def close(self) -> None:
        """Close the connections to the ledger."""
        self.lineage.close()

    def add_founder(self, digest: str, name: str) -> ModelRecord:
        """Enter a model that was brought in, and keep its files for good. Raises what `verify_model` raises."""
        manifest = verify_model(self.store, digest)
        self.store.set_ref(FOUNDER, digest, digest, manifest.files.values())
        return self.lineage.add(ModelRecord(digest, name, None, None, None, "", [], _now()))

    def add_child(self, child: Child, recipe: Recipe, generation: int, name: str) -> ModelRecord:
        """Enter a model bred by `recipe`; its files are kept until `release`, its recipe for good.

        The base model is the first of its parents. Raises LedgerError where a parent is not in the family, and what
        `verify_model` raises.
        """
        manifest = verify_model(self.store, child.digest)
        others = [model for model in recipe.models if model != recipe.base]
        parents = [recipe.base, *others] if recipe.base else others
        blob = self.store.put(recipe.to_json().encode())
        record = ModelRecord(child.digest, name, generation, blob, recipe.seed, child.made_with, parents, _now())
        entered = self.lineage.add(record)
        self.store.set_ref(CHILD, child.digest, child.digest, manifest.files.values())
        return entered

    def release(self) -> int:
        """Keep the files of children no longer whose generation is over; returns how many. They can be rebuilt."""
        running = {generation.id for generation in self._generations.recent(1000, "running")}
        released = 0
        for ref in self.store.refs():
            if ref.kind != CHILD:
                continue
            record = self.lineage.find(ref.digest)
            if record is None or record.generation not in running:
                self.store.drop_ref(CHILD, ref.name)
                released += 1
        return released

    def method(self, record: ModelRecord) -> str | None:
        """mergekit's name of the merge that made a model; None for a founder, or where its recipe is lost."""
        if record.recipe is None:
            return None
        try:
            return Recipe.from_json(self.store.read(record.recipe)).method
        except StrataError:
            return None

    def find(self, text: str | None) -> ModelRecord:
        """The model of that name, or whose digest begins so; None: the champion. Raises UnknownModel."""
        if text is None:
            standing = self._champions.standing()
            if standing is None:
                raise UnknownModel("there is no champion yet; name a model")
            text = standing.digest
        found = self.lineage.matching(text)
        if not found:
            raise UnknownModel(f"the lineage knows no model {text!r}")
        if len(found) > 1:
            several = ", ".join(f"{record.name} {record.digest[:12]}" for record in found)
            raise UnknownModel(f"{text!r} stands for several models: {several}; write more of the digest")
        return found[0]


def _now() -> datetime:
    return datetime.now(UTC)
