"""Which records of a history can be true.

Files of this kind seen in the wild hold runs that nobody can have run. Each record is held against what merges and
evaluations can do; one that fails is not learned from, and the finding says why.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from strata.evolution.history.timeline import Generation, Timeline, TopModel

LEAST_SECONDS = 0.1  # of a generation: one merge of a model of a million parameters takes about as long
ROUNDING = 0.002  # of a fitness whose scores were rounded to two or three digits
LEAST_STEPS = 8  # generations after which a best fitness that never fell is no luck


class Reason(StrEnum):
    """What is wrong with a record."""

    MALFORMED = "malformed"
    SCORE_OUT_OF_RANGE = "score out of range"
    TOO_MANY = "too many"
    TOO_FAST = "too fast"
    TIME_RUNS_BACK = "time runs back"
    OUT_OF_ORDER = "generations out of order"
    POPULATION_TOO_SMALL = "more models than population"
    COPIED_SCORES = "scores are a parent's"
    SHARED_SCORES = "more names than score vectors"
    WRONG_FITNESS = "fitness is not that of the scores"
    WRONG_RANK = "rank is not that of the fitness"
    UNKNOWN_PARENT = "unknown parent"
    PARENT_TOO_YOUNG = "parent is not older"
    BORN_LATER = "born later than listed"
    NEVER_FALLS = "best fitness never falls"
    WRONG_COUNT = "counts are not those of the records"


# Reasons that leave nothing of the file to learn from, and those that are only told.
_OF_THE_FILE = {Reason.NEVER_FALLS}
_ONLY_TOLD = {Reason.WRONG_COUNT, Reason.TOO_MANY, Reason.WRONG_RANK}


@dataclass(frozen=True)
class Finding:
    """`index`: position of the generation in the file; `model`: its name. None where a finding is of more than one."""

    reason: Reason
    index: int | None
    model: str | None
    detail: str

    def __str__(self) -> str:
        where = "" if self.index is None else f"generation entry {self.index}, "
        return f"{where}{'' if self.model is None else f'model {self.model!r}, '}{self.reason}: {self.detail}"


@dataclass(frozen=True)
class History:
    """`timeline`: all that could be read. `findings`: what is wrong. `sound`: models to learn from, first listings."""

    timeline: Timeline
    findings: tuple[Finding, ...]
    sound: tuple[TopModel, ...]


def check(timeline: Timeline, findings: Sequence[Finding] = ()) -> History:
    """Hold a timeline against what is possible. `findings`: those of reading it."""
    found = [*findings, *_timing(timeline), *_generations(timeline), *_models(timeline), *_run(timeline)]
    wrong = {finding.reason for finding in found}
    sound: dict[str, TopModel] = {}
    if not wrong & _OF_THE_FILE:
        grave = [finding for finding in found if finding.reason not in _ONLY_TOLD]
        generations = {finding.index for finding in grave if finding.model is None}
        models = {finding.model for finding in grave if finding.model is not None}
        for index, generation in enumerate(timeline.evolution_timeline):
            for model in generation.top_models:
                if index not in generations and model.name not in models:
                    sound.setdefault(model.name, model)
    return History(timeline, tuple(found), tuple(sound.values()))


def _timing(timeline: Timeline) -> Iterator[Finding]:
    for index, (before, after) in enumerate(pairwise(timeline.evolution_timeline), start=1):
        seconds = (after.timestamp - before.timestamp).total_seconds()
        if seconds < 0:
            yield Finding(Reason.TIME_RUNS_BACK, index, None, f"{-seconds:.3f} s before the one before")
        elif seconds < LEAST_SECONDS:
            detail = f"{seconds * 1e3:.3f} ms after the one before; {LEAST_SECONDS * 1e3:.0f} ms are the least"
            yield Finding(Reason.TOO_FAST, index, None, detail)
            if index == 1:  # nothing but its successor tells when the first one ran
                yield Finding(Reason.TOO_FAST, 0, None, "the next one follows at once")


def _generations(timeline: Timeline) -> Iterator[Finding]:
    last = -1
    for index, generation in enumerate(timeline.evolution_timeline):
        if generation.generation <= last:
            yield Finding(Reason.OUT_OF_ORDER, index, None, f"generation {generation.generation} comes after {last}")
        last = max(last, generation.generation)
        listed = len(generation.top_models)
        if listed > generation.population_size:
            detail = f"{listed} models of a population of {generation.population_size}"
            yield Finding(Reason.POPULATION_TOO_SMALL, index, None, detail)
        yield from _ranks(index, generation)


def _ranks(index: int, generation: Generation) -> Iterator[Finding]:
    ranked = sorted((model for model in generation.top_models if model.rank is not None), key=lambda m: m.rank or 0)
    for better, worse in pairwise(ranked):
        if worse.fitness > better.fitness:
            detail = f"fitness {worse.fitness:.4f} at rank {worse.rank}, {better.fitness:.4f} at {better.rank}"
            yield Finding(Reason.WRONG_RANK, index, worse.name, detail)


def _models(timeline: Timeline) -> Iterator[Finding]:
    known: dict[str, TopModel] = {}
    for generation in timeline.evolution_timeline:
        for model in generation.top_models:
            known.setdefault(model.name, model)
    owners: dict[tuple[float, ...], str] = {}
    seen: set[str] = set()
    for index, generation in enumerate(timeline.evolution_timeline):
        for model in generation.top_models:
            if model.name in seen:
                continue
            seen.add(model.name)
            for reason, detail in _of_model(model, generation, timeline, known):
                yield Finding(reason, index, model.name, detail)
            owner = owners.setdefault(_vector(model), model.name)
            if owner != model.name and owner not in model.parents:
                yield Finding(Reason.SHARED_SCORES, index, model.name, f"the same four scores as {owner!r}")


def _of_model(
    model: TopModel, generation: Generation, timeline: Timeline, known: dict[str, TopModel]
) -> Iterator[tuple[Reason, str]]:
    if abs(model.fitness - model.scores.fitness) > ROUNDING:
        yield Reason.WRONG_FITNESS, f"{model.fitness:.4f}, but the scores give {model.scores.fitness:.4f}"
    if model.generation > generation.generation:
        yield Reason.BORN_LATER, f"born in {model.generation}, listed in {generation.generation}"
    for name in model.parents:
        parent = known.get(name)
        if parent is not None:
            if parent.generation >= model.generation:
                yield Reason.PARENT_TOO_YOUNG, f"{name!r} is of generation {parent.generation}, its child too or older"
            if _vector(parent) == _vector(model):
                yield Reason.COPIED_SCORES, f"all four scores equal those of {name!r}"
        elif name not in timeline.model_checkpoints:
            yield Reason.UNKNOWN_PARENT, f"{name!r} is listed nowhere"


def _run(timeline: Timeline) -> Iterator[Finding]:
    best = [
        max(born)
        for generation in timeline.evolution_timeline
        if (born := [model.fitness for model in generation.top_models if model.generation == generation.generation])
    ]
    # Models that live on keep their scores; those that are new have been measured, with noise.
    if len(best) > LEAST_STEPS and all(after >= before for before, after in pairwise(best)):
        detail = f"the best new model is never worse than the one before, {len(best)} generations long"
        yield Finding(Reason.NEVER_FALLS, None, None, detail)
    generations = len(timeline.evolution_timeline)
    names = {model.name for generation in timeline.evolution_timeline for model in generation.top_models}
    if timeline.total_generations != generations:
        yield Finding(Reason.WRONG_COUNT, None, None, f"{timeline.total_generations} generations, {generations} listed")
    if (timeline.unique_models_tracked or 0) < len(names):
        detail = f"{timeline.unique_models_tracked} models tracked, {len(names)} listed"
        yield Finding(Reason.WRONG_COUNT, None, None, detail)


def _vector(model: TopModel) -> tuple[float, ...]:
    return tuple(model.scores.model_dump().values())
