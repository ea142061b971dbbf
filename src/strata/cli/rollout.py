"""`strata rollout status | set | history`: which share of the work a part gets that is being rolled out."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strata.errors import StrataError

if TYPE_CHECKING:
    from strata.rollout import Part, Standing
    from strata.settings import Settings

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="See and set which share of the work a new part gets."
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
_PARTS = "cross-node-optimiser, or enhanced-transport."


@app.command()
def status(as_json: Json = False) -> None:
    """Which share each part gets, since when and why, and what was measured with it and without it so far.

    Work is compared pair by pair. Where the evidence that it is slower with the part reaches what is needed, the part
    is taken from all work, and an incident is opened; the chance that this happens for no reason is at most 1 %. Times
    are UTC.
    """
    from strata.rollout import Part, stand
    from strata.settings import Settings

    settings = Settings()
    found = {part: stand(part, settings) for part in Part}
    if as_json:
        _print({"parts": {part: _document(standing, settings) for part, standing in found.items()}})
        return
    for part, standing in found.items():
        for line in _lines(part, standing):
            typer.echo(line)


@app.command("set")
def set_percent(
    part: Annotated[str, typer.Argument(metavar="PART", help=_PARTS)],
    percent: Annotated[int, typer.Argument(min=0, max=100, help="Of the work that gets the part.")],
    reason: Annotated[str, typer.Option(help="Why, for the history.")],
    as_json: Json = False,
) -> None:
    """Give the part this share of the work from now on, on all machines of this ledger.

    Who has it at 20 has it at 50 too. At 100 nothing is left to compare with: 95 keeps a few without it. What was
    measured before does not count any more, and the incident of a retreat is resolved by it.
    """
    from getpass import getuser

    from strata.rollout import change_percent
    from strata.settings import Settings

    setting = change_percent(_part(part), percent, Settings(), reason=reason, by=getuser())
    if as_json:
        _print(asdict(setting))
    else:
        typer.echo(f"{setting.part}: {setting.percent} % of the work from now on")


@app.command()
def history(
    part: Annotated[str | None, typer.Option(help=f"Only of this one: {_PARTS}")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the latest.")] = 20,
    as_json: Json = False,
) -> None:
    """What the shares were, who changed them and why, the newest first. Times are UTC."""
    from strata.settings import Settings
    from strata.store import RolloutLog

    with RolloutLog(Settings().ledger) as log:
        found = log.history(None if part is None else _part(part), limit)
    if as_json:
        _print({"history": [asdict(setting) for setting in found]})
        return
    for setting in found:
        what = f"{setting.part}: {setting.percent} % by {setting.by}: {setting.reason}"
        typer.echo(f"{setting.changed:%Y-%m-%d %H:%M:%S} {what}")
    typer.echo(f"{len(found)} changes")


def _part(text: str) -> "Part":
    from strata.rollout import Part

    if text not in set(Part):
        raise StrataError(f"there is no part {text!r}: it is {' or '.join(Part)}")
    return Part(text)


def _lines(part: "Part", standing: "Standing") -> list[str]:
    from strata.rollout import flag_of

    trial, window = standing.trial, standing.window
    setting = trial.setting
    since = f"by {setting.by} since {setting.changed:%Y-%m-%d %H:%M:%S}: {setting.reason}" if setting else "by default"
    lines = [f"{part}: {trial.percent} % of the work, {since}"]
    if not trial.on:
        lines.append(f"  switched off: {flag_of(part)}=false takes it from all work")
    elif window is None:
        hint = "95 would keep a few without it" if trial.percent else "5 would give it to a few"
        lines.append(f"  nothing is compared: all work is alike; {hint}")
    else:
        found = window.found
        lines.append(f"  measured: {standing.enabled} with it, {standing.disabled} without it")
        median = "" if found.ratio is None else f"; with it work takes {found.ratio - 1:+.1%} (median)"
        lines.append(
            f"  window {window.number}: slower in {found.slower} of {found.pairs} pairs, evidence {found.evidence:.3g} "
            f"of {window.needed:.3g}{median}"
        )
    return lines


def _document(standing: "Standing", settings: "Settings") -> dict[str, Any]:
    from strata.rollout import start_of

    trial, window = standing.trial, standing.window
    return {
        "on": trial.on,
        "percent": trial.percent,
        "start": start_of(trial.part, settings),
        "setting": trial.setting and asdict(trial.setting),
        "compares": trial.compares,
        "measured": {"with": standing.enabled, "without": standing.disabled},
        "window": window
        and {
            "number": window.number,
            **asdict(window.found),
            "evidence": window.found.evidence,
            "needed": window.needed,
        },
    }


def _print(document: dict[str, Any]) -> None:
    typer.echo(json.dumps(document, default=str))
