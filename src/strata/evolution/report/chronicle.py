"""What ledger and store tell of an evolution, in the words of a report: nothing here comes from a process's memory."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from strata.errors import StrataError
from strata.evolution.history import FITNESS_WEIGHTS, fitness
from strata.evolution.lineage import PIPELINE, Family, tainted
from strata.evolution.report.contents import (
    FELL,
    Comparison,
    Difference,
    DomainResult,
    FailedChild,
    FrontModel,
    GenerationResult,
    Happening,
    Outlook,
    Relative,
)
from strata.evolution.report.roles import relatives, roles_of
from strata.evolution.rounds import PastGeneration, past_generations
from strata.evolution.search import pareto_front
from strata.store import ChampionLog, Change, GenerationLog, IncidentLog, Ledger, ModelRecord, Store

SHORT = 12  # digits of a digest: as many as anybody needs to name a model
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
_OUTLOOKS: Mapping[str, Outlook] = {"sound": "held", "dropped": "lost", "open": "open"}


@dataclass(frozen=True)
class Chronicle:
    """Generations, champions and models of a store and an open ledger, read when they are asked for."""

    store: Store
    ledger: Ledger

    @cached_property
    def past(self) -> tuple[PastGeneration, ...]:
        """All generations, the oldest first."""
        return past_generations(self.store, GenerationLog(self.ledger))

    @cached_property
    def history(self) -> tuple[Change, ...]:
        """Every change of the champion, the latest first."""
        return ChampionLog(self.ledger).history()

    @cached_property
    def family(self) -> Family:
        """Models by digest and name."""
        return Family(self.store, self.ledger)

    @cached_property
    def scores(self) -> dict[str, Mapping[str, float]]:
        """By model and domain, on the search items of the latest generation: of all models scored on just these."""
        found: dict[str, Mapping[str, float]] = {}
        for each in self.past:
            if each.scored_on == self.past[-1].scored_on:
                found |= each.scores
        domains = next(iter(found.values()), {}).keys()
        order = sorted(domains, key=_place)
        same = ((model, scores) for model, scores in found.items() if scores.keys() == domains)
        return {model: {domain: scores[domain] for domain in order} for model, scores in same}

    @property
    def search_items(self) -> int:
        """Items a domain that the scores are of; 0 where that is not known."""
        on = self.past[-1].scored_on if self.past else None
        return int(on["items"]) if isinstance(on, Mapping) else 0

    def name(self, digest: str | None) -> str:
        """As the lineage knows it, else the beginning of the digest."""
        record = self.family.lineage.find(digest) if digest else None
        return record.name if record else (digest or "none")[:SHORT]

    def named(self, digest: str | None) -> str:
        """Name and beginning of the digest."""
        name = self.name(digest)
        return f"{name} {digest[:SHORT]}" if digest and not digest.startswith(name) else name

    def generations(self) -> tuple[GenerationResult, ...]:
        """Every generation, with what the gate said of its candidate."""
        return tuple(self._generation(each) for each in self.past)

    def comparisons(self, most: int) -> tuple[Comparison, ...]:
        """The candidates of the latest generations that had one, against the champion of then; the oldest first."""
        judged = [each for each in self.past if each.judgement is not None][-most:]
        return tuple(
            comparison(
                each.judgement,
                f"Generation {each.record.id}: its candidate by domain",
                self.name(each.candidate),
                self.name(each.record.champion),
                "gate items, which no search has seen",
            )
            for each in judged
            if each.judgement is not None
        )

    def front(self) -> tuple[FrontModel, ...]:
        """Models that no other beats in every domain, the highest mean first."""
        members = pareto_front(self.scores)
        records = {record.digest: record for record in self.family.lineage.find_all(members)}
        known = roles_of(self.history)
        found = [
            FrontModel(
                model,
                records[model].name if model in records else model[:SHORT],
                self._method(records.get(model)),
                self.scores[model],
                known.get(model, ""),
                model in records and records[model].founder,
            )
            for model in members
        ]
        return tuple(sorted(found, key=lambda each: -sum(each.scores.values())))

    def relatives(self, models: Iterable[str], candidate: str | None = None) -> tuple[Relative, ...]:
        """These models and their ancestors."""
        known = {record.digest for record in self.family.lineage.find_all(tuple(models))}
        records = {record.digest: record for model in sorted(known) for record in self.family.lineage.ancestry(model)}
        return relatives(records.values(), self.history, candidate)

    def failures(self) -> tuple[FailedChild, ...]:
        """Children of all generations that could not be merged or examined."""
        return tuple(
            FailedChild(each.record.id, child.method, child.failure, child.detail)
            for each in self.past
            for child in each.children
            if child.failure is not None
        )

    def happenings(self, most: int = 50) -> tuple[Happening, ...]:
        """The latest incidents, the oldest of them first."""
        return tuple(
            Happening(
                each.id,
                f"{each.started:%Y-%m-%d %H:%M:%S}",
                f"{each.kind}: {self.named(each.subject) if len(each.subject) == 64 else each.subject}",
                self.worded(each.detail),
                f"{each.state}: {self.worded(each.response)}" if each.response else each.state,
            )
            for each in reversed(IncidentLog(self.ledger).recent(PIPELINE, most))
        )

    def worded(self, text: str) -> str:
        """The text, with names of models in the place of their digests."""
        return _DIGEST.sub(lambda found: self.named(found[0]), text)

    def judgement(self, change: Change | None) -> Mapping[str, Any] | None:
        """What the gate said before a promotion; None where it was not asked, or its words are lost."""
        if change is None or change.judgement is None:
            return None
        try:
            found: Mapping[str, Any] = json.loads(self.store.read(change.judgement))
        except (StrataError, OSError):
            return None
        return found if "verdict" in found else None

    def _generation(self, past: PastGeneration) -> GenerationResult:
        number = past.record.id
        rise = next((c for c in self.history if (c.kind, c.generation) == ("promotion", number)), None)
        judged = past.judgement or self.judgement(rise) or {}  # of one that is under way the promotion tells
        candidate = past.candidate or (rise.digest if rise else None)
        fallen = rise is not None and rise.digest in tainted(self.history)
        return GenerationResult(
            number,
            past.champion_fitness,
            tuple(child.fitness for child in past.children if child.fitness is not None),
            str(judged.get("verdict", "none")),
            before=self._fitness(past.record.champion),
            candidate=self._fitness(candidate),
            gain=_gain(judged),
            level=float(judged.get("level", 0.9)),
            affected=tuple(judged.get("affected", ())),
            ending=FELL if fallen else past.record.state,
        )

    def _fitness(self, model: str | None) -> float | None:
        return fitness(self.scores[model]) if model in self.scores else None

    def _method(self, record: ModelRecord | None) -> str:
        if record is None:
            return "not known"
        return "founder" if record.founder else self.family.method(record) or "recipe lost"


def comparison(judged: Mapping[str, Any], title: str, model: str, reference: str, items: str) -> Comparison:
    """A judgement, as `Judgement.to_dict` gives it; its domains in the order of the judgement."""
    return Comparison(
        title, model, reference, items, float(judged["level"]), _domains(judged["domains"]), _gain(judged)
    )


def _domains(found: Sequence[Mapping[str, Any]]) -> tuple[DomainResult, ...]:
    return tuple(
        DomainResult(d["difference"], d["low"], d["high"], d["items"], d["domain"], d["margin"], _OUTLOOKS[d["state"]])
        for d in found
    )


def _place(domain: str) -> tuple[int, str]:
    known = list(FITNESS_WEIGHTS)
    return (known.index(domain) if domain in known else len(known), domain)


def _gain(judged: Mapping[str, Any]) -> Difference | None:
    overall = judged.get("overall")
    return overall and Difference(overall["difference"], overall["low"], overall["high"], judged["items"])
