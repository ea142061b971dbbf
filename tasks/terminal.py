"""The terminal of the pipeline's stages."""

from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from strata.inference import DistributionBars, Plan

console = Console(highlight=False)
"""Shared by the stages; `console.quiet` silences them, as `--json` does."""


def distribution_bars(plan: "Plan") -> "DistributionBars":
    """A bar for each stage of `plan`."""
    from strata.inference import DistributionBars, layer_span  # which imports torch

    labels = {s.node: f"  {s.node}  layers {layer_span(s.first, s.last)}" for s in plan.stages}
    return DistributionBars(console, labels)
