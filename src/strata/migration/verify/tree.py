"""The rewrite of a whole project, file by file: what is to change, each with its proof. Nothing is written."""

import gc
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from strata.migration.imports import Analysis, FileFacts, RunName
from strata.migration.project import BadSource, Change, Modules, read_source
from strata.migration.rewrite import Judged, Refusal, Strategy, judge_file, live_names, rewrite_file
from strata.migration.verify.proof import Proof, prove

_BATCH = 32


@dataclass(frozen=True, slots=True)
class Proved:
    """One file: what the strategy says of it, and the change if there is one; a change always has a proof.

    refused: why nothing of the file changes though the strategy would: its bytes are others by now, or there is no
    proof.
    """

    judged: Judged
    change: Change | None = None
    proof: Proof | None = None
    refused: Refusal | None = None


def rewrite_tree(
    analysis: Analysis,
    strategy: Strategy,
    names: Mapping[str, Sequence[RunName]] | None = None,
    *,
    paths: Iterable[str] | None = None,
    workers: int = 1,
) -> Iterator[Proved]:
    """Rewrite and prove the files one after the other, in the order of their paths; few are held at a time.

    names: under which each runs; `live_names` of the project if not given. paths: those to look at; all if not given.
    """
    live = live_names(analysis) if names is None else names
    work = [(analysis.files[path], live[path]) for path in (analysis.files if paths is None else paths)]
    if workers == 1:
        yield from (prove_rewrite(analysis.tree.root, *each, analysis.modules, strategy) for each in work)
        return
    with ProcessPoolExecutor(
        workers, initializer=_begin, initargs=(analysis.tree.root, analysis.modules, strategy)
    ) as pool:
        batches = iter([work[start : start + _BATCH] for start in range(0, len(work), _BATCH)])
        running: deque[Future[list[Proved]]] = deque(pool.submit(_batch, each) for each in islice(batches, 2 * workers))
        while running:
            yield from running.popleft().result()
            running.extend(pool.submit(_batch, each) for each in islice(batches, 1))


def prove_rewrite(
    root: Path, facts: FileFacts, names: Sequence[RunName], modules: Modules, strategy: Strategy
) -> Proved:
    """Rewrite one file of the tree at `root` and prove it; its bytes are read only if something is to change."""
    judged = judge_file(facts, names, modules, strategy)
    if not judged.converted:
        return Proved(judged)
    try:
        before = read_source(root / facts.path)
        after = rewrite_file(before, facts, names, modules, strategy).data
    except BadSource as error:
        return Proved(_stays(judged), refused=Refusal(facts.path, None, error.code, str(error)))
    proof = prove(before, after, facts, names, modules)
    if isinstance(proof, Refusal):
        return Proved(_stays(judged), refused=proof)
    return Proved(judged, Change(facts.path, before, after), proof)


def _stays(judged: Judged) -> Judged:
    return replace(judged, converted=(), following_after=judged.following_before)


_given: list[tuple[Path, Modules, Strategy]] = []  # of a worker process


def _begin(root: Path, modules: Modules, strategy: Strategy) -> None:
    _given[:] = [(root, modules, strategy)]
    gc.disable()  # syntax trees have no cycles, and looking for some in them costs a tenth of the time


def _batch(work: Sequence[tuple[FileFacts, Sequence[RunName]]]) -> list[Proved]:
    root, modules, strategy = _given[0]
    return [prove_rewrite(root, facts, names, modules, strategy) for facts, names in work]
