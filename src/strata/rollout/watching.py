"""The rollouts of a ledger: what counts now, what was measured, and the retreat that follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from strata.rollout.comparison import ALPHA, TOLERANCE, Comparison, compare, samples_of_window, threshold
from strata.rollout.drawing import Measured, Trial
from strata.rollout.parts import Part, is_on, start_of
from strata.settings import Settings

if TYPE_CHECKING:
    from strata.store import RolloutLog, RolloutSetting

PIPELINE = "rollout"  # of its incidents
REGRESSION = "slower under rollout"
AUTOMATIC = "automatic"
SETTINGS = "settings"


@dataclass(frozen=True)
class Retreat:
    """A part was found slower, and gets no work any more. incident: its number; reason: in words, with the figures."""

    part: Part
    percent: int
    incident: int
    reason: str


@dataclass(frozen=True)
class Window:
    """The window of samples under way, which is of that number; at the evidence that is `needed` the part retreats."""

    number: int
    needed: float
    found: Comparison


@dataclass(frozen=True)
class Standing:
    """How a rollout stands. trial: what counts. enabled, disabled: samples with the part and without it since then.

    window: None where there is nothing to compare.
    """

    trial: Trial
    enabled: int = 0
    disabled: int = 0
    window: Window | None = None


def trial_of(part: Part, settings: Settings) -> Trial:
    """What counts for the part now: the newest row of the ledger, and before there is one, the settings.

    A share of the settings that leaves something to compare is written into the ledger when it is first asked for, so
    that what is measured under it has a beginning. Raises LedgerError.
    """
    from strata.store import RolloutLog

    with RolloutLog(settings.ledger) as log:
        return _trial(log, part, settings)


def note(settings: Settings, measured: Sequence[Measured]) -> tuple[Retreat, ...]:
    """Write down what units of work took, and retreat from a part that is found slower. Raises LedgerError.

    Of units that belong to no comparison, or to one that is over, nothing is kept, and of what has no duration neither.
    """
    kept = [each for each in measured if each.draw.setting is not None and 0 < each.seconds < float("inf")]
    if not kept:
        return ()
    from strata.store import RolloutLog, RolloutSample

    found = []
    with RolloutLog(settings.ledger) as log:
        kept.sort(key=lambda each: each.draw.part)  # stable: the order in which they came stays
        for part, group in groupby(kept, key=lambda each: each.draw.part):
            standing = log.standing(part)
            mine = [each for each in group if _of(each, standing)]
            if standing is None or not mine:
                continue
            log.add(standing, [RolloutSample(m.draw.unit, m.subject, m.draw.enabled, m.seconds) for m in mine])
            if (retreat := _judge(log, part, standing)) is not None:
                found.append(retreat)
    return tuple(found)


def change_percent(part: Part, percent: int, settings: Settings, *, reason: str, by: str) -> "RolloutSetting":
    """Have this share from now on; what is measured is compared anew, and the retreat before is settled by it.

    Raises LedgerError for what is no percentage, and without a reason.
    """
    from strata.store import IncidentLog, RolloutLog

    with RolloutLog(settings.ledger) as log:
        setting = log.begin(part, percent, reason=reason, by=by)
        incidents = IncidentLog(log)
        for incident in incidents.open_ones(PIPELINE, REGRESSION, part):
            incidents.resolve(incident.id, f"set to {percent} % by {by}: {reason}")
    return setting


def stand(part: Part, settings: Settings) -> Standing:
    """How the part's rollout stands now. Raises LedgerError."""
    from strata.store import RolloutLog

    with RolloutLog(settings.ledger) as log:
        trial = _trial(log, part, settings)
        if (setting := trial.setting) is None:
            return Standing(trial)
        return Standing(trial, *log.counts(setting), _window(log, setting) if trial.compares else None)


def _trial(log: "RolloutLog", part: Part, settings: Settings) -> Trial:
    setting, percent, on = log.standing(part), start_of(part, settings), is_on(part, settings)
    if setting is None and on and 0 < percent < 100:
        setting = log.begin(part, percent, reason="the settings begin with it", by=SETTINGS)
    return Trial(part, on, percent if setting is None else setting.percent, setting)


def _window(log: "RolloutLog", setting: "RolloutSetting") -> Window:
    size = samples_of_window(setting.percent)
    whole = max(0, sum(log.counts(setting)) - 1) // size  # a full one is looked at once more before the next begins
    return Window(whole + 1, threshold(whole + 1), compare(log.samples(setting, skip=whole * size, most=size)))


def _judge(log: "RolloutLog", part: Part, setting: "RolloutSetting") -> Retreat | None:
    window = _window(log, setting)
    found = window.found
    if found.ratio is None or found.evidence < window.needed:
        return None
    reason = (
        f"in {found.slower} of {found.pairs} pairs work was slower with it by more than {TOLERANCE:.0%}; the median of "
        f"all is {found.ratio - 1:+.0%}"
    )
    figures = {
        "percent": setting.percent,
        "pairs": found.pairs,
        "slower": found.slower,
        "ratio": found.ratio,
        "evidence": found.evidence,
        "needed": window.needed,
        "alpha": ALPHA,
        "setting": setting.id,
    }
    incident = {"pipeline": PIPELINE, "kind": REGRESSION, "detail": reason, "figures": figures}
    number = log.retreat(setting, reason=f"taken from all work: {reason}", by=AUTOMATIC, incident=incident)
    return None if number is None else Retreat(part, setting.percent, number, reason)


def _of(measured: Measured, standing: "RolloutSetting | None") -> bool:
    """Whether it was drawn under the setting that still counts."""
    drawn = measured.draw.setting
    return drawn is not None and standing is not None and drawn.id == standing.id
