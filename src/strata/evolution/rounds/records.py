"""What the steps of a generation found, kept in the store under refs of the generation, and the search's state."""

import json
from collections.abc import Sequence
from dataclasses import replace

from strata.evolution.lineage import DAMAGED
from strata.evolution.regression import Judgement
from strata.evolution.rounds import children as texts
from strata.evolution.rounds.children import Child
from strata.evolution.rounds.histories import imported_gains
from strata.evolution.rounds.notices import Notice
from strata.evolution.rounds.telling import tell
from strata.evolution.search import BadSearch, Past, Search, Strategy, to_recipe
from strata.store import BlobCorrupt, BlobMissing, GenerationLog, IncidentLog, RefCorrupt, Store, StoreError

CHILDREN, JUDGEMENT, SEARCH = "evolution-children", "evolution-judgement", "evolution-search"  # kinds of refs
_LOOKED_AT = 100  # generations, the latest; the ledger keeps the last few states from being collected
_LOST = (BlobMissing, BlobCorrupt, RefCorrupt)


class Records:
    """Of the generations of one store and ledger. What was damaged is found again, and an incident tells of it."""

    def __init__(self, store: Store, generations: GenerationLog, incidents: IncidentLog) -> None:
        self._store, self._generations, self._incidents = store, generations, incidents

    def children(self, generation: int) -> tuple[Child, ...] | None:
        """As they were kept last; None where they were not, or are damaged: then they are bred again, the same ones."""
        try:
            ref = self._store.ref(CHILDREN, str(generation))
            return None if ref is None else texts.from_json(self._store.read(ref.digest))
        except _LOST as error:
            self._lost(f"children of generation {generation}", error, "the generation begins anew")
            return None

    def keep(self, generation: int, found: Sequence[Child]) -> tuple[Child, ...]:
        """Keep the children as they are now."""
        self._store.put_artifact(texts.to_json(found), CHILDREN, str(generation))
        return tuple(found)

    def judged(self, generation: int, judgement: Judgement) -> None:
        """Keep what the gate said."""
        text = json.dumps(judgement.to_dict(), sort_keys=True)
        self._store.put_artifact(text.encode(), JUDGEMENT, str(generation))

    def search(self, strategy: Strategy, past: Past, seed: int) -> Search:
        """As it stood when the last generation had ended; a new one, with this `past`, where that was another search.

        It was one in another space, by another strategy, or over other domains.
        From a state that is damaged it goes back to the one before, and learns again what came after.
        """
        informed = replace(past, rewards=imported_gains(self._store))
        found, forgotten = Search(strategy, informed, seed), list[int]()
        for generation in self._generations.recent(_LOOKED_AT):
            if generation.strategy is None:
                continue
            try:
                known = Search.from_json(strategy, past.space, self._store.read(generation.strategy))
                if known.past.weights.keys() == past.weights.keys():
                    found = known
            except (BlobMissing, BlobCorrupt) as error:
                forgotten.append(generation.id)
                self._lost(generation.strategy, error, "learnt again from the children's scores")
                continue
            except BadSearch:  # the store has verified the text, so it is a sound state of something else
                pass
            break
        for number in reversed(forgotten):
            self.learnt(number, found, self.children(number) or ())
        return found

    def learnt(self, generation: int, search: Search, found: Sequence[Child]) -> str:
        """Have the search learn the children's scores, and keep its state; returns the state's digest.

        What was imported meanwhile is learnt too. Nothing is learnt of children that this search would not have asked
        for: those of another strategy or space, in which a killed run began the generation.
        """
        asked = [to_recipe(search.past.space, genome).to_json() for genome in search.ask(max(1, len(found)))]
        if asked == [child.recipe for child in found]:
            search.tell([child.scores for child in found])
        search.pending = ()
        search.past = replace(search.past, rewards=imported_gains(self._store))
        return self._store.put_artifact(search.to_json().encode(), SEARCH, str(generation)).digest

    def _lost(self, subject: str, error: StoreError, response: str) -> None:
        tell(self._incidents, [Notice(DAMAGED, subject, str(error), "low", response)])
