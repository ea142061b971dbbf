"""Plans and results as tables and markdown. Pure: figures in, text out; the picture is in `picture`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from strata.inference.plan import Plan
from strata.inference.report.picture import as_data_uri, layer_picture

if TYPE_CHECKING:
    from strata.inference.run.distribute import DistributionReport
    from strata.inference.run.generate import GenerationResult

_MIB = 1024 * 1024
_KIB = 1024

Row = dict[str, str]


def plan_rows(plan: Plan) -> list[Row]:
    """One row for each stage: the node, its layers, the bytes it will need and its share of a token's time."""
    return [
        {
            "node": stage.node,
            "layers": layer_span(stage.first, stage.last),
            "weights": size(stage.weight_bytes),
            "KV cache": size(stage.kv_bytes),
            "workspace": size(stage.workspace_bytes),
            "memory": size(stage.memory_bytes),
            "a token": f"{stage.seconds * 1000:.1f} ms" if plan.objective != "balance" else "not measured",
        }
        for stage in plan.stages
    ]


def need_sentence(plan: Plan, budget_bytes: int | None) -> str:
    """What the model needs, next to what one node may use."""
    weights = size(sum(stage.weight_bytes for stage in plan.stages))
    budget = f", each with {size(budget_bytes)} to use" if budget_bytes is not None else ""
    return f"{plan.model} in {plan.dtype}: {weights} of weights on {count(len(plan.stages), 'node')}{budget}."


def plan_sentence(plan: Plan) -> str:
    """What the planner claims, with the bound it proved."""
    if plan.objective == "balance":
        return f"Split evenly without measurements: the largest stage holds {size(int(plan.value))}."
    what = "a token takes" if plan.objective == "latency" else "the slowest stage or link takes"
    claim = f"By the measured nodes and links {what} {plan.value * 1000:.1f} ms"
    if plan.exact:
        return f"{claim}, and no other placement is faster."
    return f"{claim}; no placement can be under {plan.lower_bound * 1000:.1f} ms."


def layers_markdown(plan: Plan) -> str:
    """The picture of which node holds which layers, and the plan's claim under it."""
    return f"![Which node holds which layers]({as_data_uri(layer_picture(plan))})\n\n{plan_sentence(plan)}\n"


def distribution_sentence(report: DistributionReport) -> str:
    """How much was sent, how much the nodes had kept from before, and how long it took until all was loaded."""
    sent = sum(shard.bytes_sent for shard in report.shards)
    kept = sum(shard.bytes_skipped for shard in report.shards)
    before = f"; {size(kept)} were there already" if kept else ""
    seconds = max(shard.seconds for shard in report.shards)
    return f"{size(sent) if sent else 'Nothing'} sent{before}; loaded after {seconds:.1f} s."


def stage_rows(result: GenerationResult) -> list[Row]:
    """One row for each stage of a run: layers, memory, and encrypted bytes on the wire."""
    return [
        {
            "node": stage.node,
            "layers": layer_span(*stage.layers),
            "weights": size(stage.weight_bytes),
            "peak memory": size(stage.peak_rss_bytes),
            "above an empty node": size(stage.peak_rss_bytes - stage.baseline_rss_bytes),
            "received": size(stage.bytes_received),
            "sent": size(stage.bytes_sent),
        }
        for stage in result.stages
    ]


def recovery_rows(result: GenerationResult) -> list[Row]:
    """One row for each stage that failed while the answer was written: what was done, and how long it took."""
    return [
        {
            "node": recovery.node,
            "layers": layer_span(*recovery.layers),
            "reason": recovery.reason,
            "response": recovery.response,
            "a token took": f"{recovery.seconds:.2f} s",
        }
        for recovery in result.recoveries
    ]


def recovery_sentence(result: GenerationResult) -> str:
    """That the answer was cut off, how often, and for how long at the longest."""
    longest = max(recovery.seconds for recovery in result.recoveries)
    return f"The answer survived {count(len(result.recoveries), 'failure')}; the longest pause was {longest:.2f} s."


def speculation_sentence(result: GenerationResult) -> str:
    """How many tokens were guessed, and how many of them were right; "" where none were."""
    if not result.drafted:
        return ""
    share = f"{result.accepted / result.drafted:.0%}"
    return f"{count(result.drafted, 'token')} guessed ahead, of which {result.accepted} were right ({share})."


def speed_rows(result: GenerationResult, alone: GenerationResult | None) -> list[Row]:
    """Time to first token and tokens a second of the run and, if it was measured, of the model in one process.

    Of several answers the first two columns are means.
    """
    crossed = any(stage.bytes_sent for stage in result.stages)
    where = f"{count(len(result.stages), 'node')}, encrypted" if crossed else result.stages[0].node
    rows = [_speed_row(where, result)]
    if alone is not None:
        rows.append(_speed_row("one process, transformers generate", alone))
    return rows


def comparison_sentence(result: GenerationResult, alone: GenerationResult) -> str:
    """How the run compares with the same model in one process: speed, and whether the tokens are the same.

    Of several answers it is the time until the last has ended, since those of a batch are all computed until then.
    """
    same = "with the same tokens" if result.token_ids == alone.token_ids else "with different tokens"
    where = f"{count(len(result.stages), 'node')} and one process"
    if len(result.token_ids) > 1:
        if not (result.seconds and alone.seconds):
            return f"{where}: {same}"
        ratio = result.seconds / alone.seconds
        return f"{where}: all answers together take {ratio:.2f} times as long over the nodes, {same}"
    if not (result.seconds_per_token and alone.seconds_per_token):  # a single token has no token after it
        return f"{where}: {same}"
    ratio = result.seconds_per_token / alone.seconds_per_token
    return f"{where}: a token takes {ratio:.2f} times as long over the nodes, {same}"


def run_figures(result: GenerationResult, alone: GenerationResult | None) -> dict[str, float | int]:
    """What is worth keeping of a run: sizes, seconds, and seconds of the same in one process if they were measured."""
    kept = {
        "nodes": len(result.stages),
        "tokens": result.tokens,
        "seconds_to_first_token": result.seconds_to_first_token,
        "seconds_per_token": result.seconds_per_token,
        "recoveries": len(result.recoveries),
    }
    kept |= {"drafted": result.drafted, "accepted": result.accepted} if result.drafted else {}
    return kept | ({"seconds_per_token_in_one_process": alone.seconds_per_token} if alone else {})


def answer_markdown(prompts: Sequence[str], result: GenerationResult, alone: GenerationResult | None) -> str:
    """The answers, and under them the figures of the run as tables."""
    parts = [f"**{_quoted(prompt)}**\n\n{text.strip()}" for prompt, text in zip(prompts, result.text, strict=True)]
    parts += ["## Speed", markdown_table(speed_rows(result, alone))]
    if alone is not None:
        parts.append(comparison_sentence(result, alone) + ".")
    if result.drafted:
        parts.append(speculation_sentence(result))
    if result.recoveries:
        parts += ["## Recoveries", markdown_table(recovery_rows(result))]
    parts += ["## Nodes", markdown_table(stage_rows(result))]
    parts.append("Bytes received and sent are the encrypted bytes of this answer on the wire.")
    return "\n\n".join(parts) + "\n"


def markdown_table(rows: Sequence[Row]) -> str:
    """Rows with the same keys as a GitHub-style table."""
    if not rows:
        return ""
    cells = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in cells)


def layer_span(first: int, last: int) -> str:
    """Layers `first` to `last`, both held."""
    return f"{first}-{last}" if last > first else f"{first}"


def size(count: int) -> str:
    """Bytes in KiB or MiB."""
    return f"{count / _MIB:.1f} MiB" if abs(count) >= _MIB else f"{count / _KIB:.1f} KiB"


def count(number: int, noun: str) -> str:
    """`1 node`, `2 nodes`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _speed_row(where: str, result: GenerationResult) -> Row:
    if len(result.token_ids) > 1:  # of all answers, from the beginning of the first to the end of the last
        rate = result.tokens / result.seconds if result.seconds else 0.0
    else:
        rate = 1 / result.seconds_per_token if result.seconds_per_token else 0.0
    return {
        "where": where,
        "first token": f"{result.seconds_to_first_token:.2f} s",
        "a token": f"{result.seconds_per_token * 1000:.1f} ms",
        "tokens a second": f"{rate:.1f}" if rate else "-",
    }


def _quoted(prompt: str, limit: int = 300) -> str:
    """A prompt on one line, so that its own markdown cannot break the heading it stands in."""
    line = " ".join(prompt.split())
    return (line if len(line) <= limit else line[:limit] + "…").replace("*", "\\*")
