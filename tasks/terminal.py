"""The terminal of the pipeline's stages."""

from rich.console import Console

from strata.inference import DistributionBars, Plan, layer_span

console = Console(highlight=False)
"""Shared by the stages; `console.quiet` silences them, as `--json` does."""


def distribution_bars(plan: Plan) -> DistributionBars:
    """A bar for each stage of `plan`."""
    labels = {s.node: f"  {s.node}  layers {layer_span(s.first, s.last)}" for s in plan.stages}
    return DistributionBars(console, labels)
