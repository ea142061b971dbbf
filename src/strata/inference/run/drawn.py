"""Which runs get the cross-node optimiser while it is rolled out, and what they then took."""

from dataclasses import replace
from uuid import uuid4

from strata.inference.run.generate import GenerationResult
from strata.rollout import Draw, Measured, Part, trial_of
from strata.settings import Settings


def draw_optimiser(unit: str | None, settings: Settings, *, differs: bool) -> Draw:
    """Whether this run has its layers placed by measurement. unit: its key, None for one that nobody asks for again.

    differs: whether it would be another run without it; only then is it compared. Raises LedgerError.
    """
    draw = trial_of(Part.OPTIMISER, settings).draw(unit or uuid4().hex)
    return draw if differs else replace(draw, setting=None)


def run_measured(draw: Draw, subject: str, result: GenerationResult) -> Measured:
    """What the run took, for `strata.rollout.note`: seconds a token, of which there are none where it has but one."""
    return Measured(draw, subject, result.seconds_per_token)
