"""Several prompts of one request: each is answered in a session of its own, and together they are one result."""

from collections.abc import Sequence
from dataclasses import replace

import trio

from strata.inference.models.checkpoint import Checkpoint
from strata.inference.plan import Plan
from strata.inference.run.generate import GenerationParams, GenerationResult, OnText, Prompts, Recovery, StageResult
from strata.inference.run.journal import Journal
from strata.inference.run.pipeline import Coordinator
from strata.inference.run.text import Texts
from strata.inference.run.told import Watcher


async def answer_prompts(
    coordinator: Coordinator,
    checkpoint: Checkpoint,
    plan: Plan,
    prompts: Prompts,
    params: GenerationParams | None = None,
    *,
    on_text: OnText | None = None,
    watcher: Watcher | None = None,
    journal: Journal | None = None,
) -> GenerationResult:
    """Answer all prompts as `Coordinator.generate_each` does; the tokens are those of one batch, as are the raises.

    So answers are as long as the longest prompt leaves room for in the context: one process, which has them in one
    cache, could not give longer ones. Where logits are wanted, which come by the step of a batch, it is one batch.
    """
    params = params or GenerationParams()
    if len(prompts) < 2 or params.want_logits:
        return await coordinator.generate(checkpoint, plan, prompts, params, on_text, watcher=watcher, journal=journal)
    texts = await trio.to_thread.run_sync(Texts.of, checkpoint.path)
    room = (params.context or plan.context) - max(map(len, texts.encode(prompts, chat=params.chat)))
    # Without any room the longest one raises, before any has begun.
    own = replace(params, max_new_tokens=min(params.max_new_tokens, room)) if room > 0 else params
    results = await coordinator.generate_each(checkpoint, plan, prompts, own, on_text, watcher=watcher, journal=journal)
    return together(results)


def together(results: Sequence[GenerationResult]) -> GenerationResult:
    """Results of requests that were made at the same time as one, a row (or several) for each; logits are left out.

    waited is that of the first to begin, which is when the clock starts: for `seconds`, to the last token of all, and
    for seconds_to_first_token, the mean over the results. seconds_per_token is the mean over all tokens but the first
    ones. stages are those of the last to end, with the peaks that any of them saw; a failure that several met is one
    recovery, as long as the longest of their pauses.
    """
    began = min(result.waited for result in results)
    gaps = [max(0, max(map(len, result.token_ids)) - 1) for result in results]
    return GenerationResult(
        token_ids=[row for result in results for row in result.token_ids],
        text=[row for result in results for row in result.text],
        stages=_stages(results),
        prompt_tokens=sum(result.prompt_tokens for result in results),
        tokens=sum(result.tokens for result in results),
        seconds_to_first_token=sum(r.waited - began + r.seconds_to_first_token for r in results) / len(results),
        seconds_per_token=sum(r.seconds_per_token * gap for r, gap in zip(results, gaps, strict=True))
        / max(1, sum(gaps)),
        recoveries=_recoveries(results),
        pauses=[pause for result in results for pause in result.pauses],
        seconds=max(result.waited - began + result.seconds for result in results),
        waited=began,
        drafted=sum(result.drafted for result in results),
        accepted=sum(result.accepted for result in results),
        finish=[reason for result in results for reason in result.finish],
    )


def _stages(results: Sequence[GenerationResult]) -> list[StageResult]:
    last = max(results, key=lambda result: result.waited + result.seconds)
    return [
        _at_most([s for r in results for s in r.stages if (s.node, s.layers) == (stage.node, stage.layers)])
        for stage in last.stages
    ]


def _at_most(seen: Sequence[StageResult]) -> StageResult:
    """One stage as several results saw it; what it counted only grows while it holds its layers."""
    return replace(
        seen[0],
        peak_rss_bytes=max(stage.peak_rss_bytes for stage in seen),
        kv_bytes=max(stage.kv_bytes for stage in seen),
        bytes_sent=max(stage.bytes_sent for stage in seen),
        bytes_received=max(stage.bytes_received for stage in seen),
        leak=next((stage.leak for stage in seen if stage.leak), ""),
        leak_windows=max(stage.leak_windows for stage in seen),
    )


def _recoveries(results: Sequence[GenerationResult]) -> list[Recovery]:
    longest: dict[object, Recovery] = {}
    for recovery in (recovery for result in results for recovery in result.recoveries):
        known = longest.setdefault(object() if recovery.incident is None else recovery.incident, recovery)
        if recovery.seconds > known.seconds:
            longest[known.incident] = replace(known, seconds=recovery.seconds)
    return list(longest.values())
