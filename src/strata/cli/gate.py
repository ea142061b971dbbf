"""`strata gate`: is a candidate no worse anywhere, and better overall?"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strata.errors import StrataError

if TYPE_CHECKING:
    from strata.evolution.regression import GatePolicy, Judgement

REGRESS, INCONCLUSIVE = 3, 4


def gate(
    *,
    baseline: Annotated[Path, typer.Option(help="Per-item scores of the model in use.")],
    candidate: Annotated[Path, typer.Option(help="Those of the model that would replace it, on the same items.")],
    anchor: Annotated[
        Path | None, typer.Option(help="Those of a fixed older model: the candidate may not drop below it either.")
    ] = None,
    margin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DOMAIN=DROP",
            help="The drop of a domain that must not pass; repeatable. Without: coding 0.03, math 0.04, reasoning "
            "0.03, language 0.04.",
        ),
    ] = None,
    default_margin: Annotated[float, typer.Option(help="The same for domains not named.")] = 0.05,
    overall_margin: Annotated[
        float, typer.Option(help="The same for the mean over domains; margins of domains shrink until they ensure it.")
    ] = 0.05,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Say whether a candidate may replace the baseline, from both models' scores on the same items.

    Exit status 0: promote; no domain drops by its margin, and the mean over domains is higher. 3: regress; a domain
    drops. 4: inconclusive; with what is missing. 2: the files cannot be compared.

    A file holds one JSON object a line, higher scores being better:

    {"domain": "math", "item": "sum-0017", "score": 1.0}

    Items that were drawn together, such as ten questions about one text, also say so, {..., "cluster": "text 7"}: they
    count for less. Kinds of items that together are the whole domain are no clusters.
    """
    from strata.evolution.regression import MARGINS, GatePolicy, Verdict, judge
    from strata.evolution.scores import read_scores

    policy = GatePolicy(
        margins={**MARGINS, **_margins(margin or [])}, default_margin=default_margin, overall_margin=overall_margin
    )
    judged = judge(
        read_scores(baseline),
        read_scores(candidate),
        policy,
        None if anchor is None else read_scores(anchor),
        names=(str(baseline), str(candidate), str(anchor)),
    )
    if as_json:
        typer.echo(json.dumps(judged.to_dict()))
    else:
        _show(judged, policy)
    status = {Verdict.PROMOTE: 0, Verdict.REGRESS: REGRESS, Verdict.INCONCLUSIVE: INCONCLUSIVE}
    raise typer.Exit(status[judged.verdict])


def _margins(texts: list[str]) -> dict[str, float]:
    found = {}
    for text in texts:
        domain, _, number = text.partition("=")
        try:
            found[domain] = float(number)
        except ValueError:
            raise StrataError(f"not a margin: {text!r}; write coding=0.03") from None
    return found


def _show(judged: "Judgement", policy: "GatePolicy") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    for title, found in (
        ("candidate minus baseline", judged.domains),
        ("candidate minus anchor", judged.anchor),
    ):
        if not found:
            continue
        table = Table(title=title)
        for heading in ("domain", "items", "difference", f"{judged.level:.0%} interval", "margin", "verdict"):
            table.add_column(heading, justify="left" if heading in ("domain", "verdict") else "right")
        for each in found:
            span = f"{each.low:+.4f} to {each.high:+.4f}"
            table.add_row(
                each.domain, str(each.items), f"{each.difference:+.4f}", span, f"{each.margin:.3g}", each.state.value
            )
        if found is judged.domains:
            overall = judged.overall
            span = f"{overall.low:+.4f} to {overall.high:+.4f}"
            better = "better" if overall.better else "not better"
            table.add_section()
            table.add_row("overall", str(judged.items), f"{overall.difference:+.4f}", span, "", better)
        console.print(table)
    confidence = (
        ""
        if judged.confidence is None
        else f" (confidence {'above 99.99%' if judged.confidence > 0.9999 else f'{judged.confidence:.2%}'})"
    )
    worse = f": worse in {', '.join(judged.affected)}" if judged.affected else ""
    console.print(f"{judged.verdict.value}{worse}{confidence}")
    for sentence in judged.missing:
        console.print(f"  {sentence}")
    wide = [each for each in judged.domains if each.margin < policy.margins.get(each.domain, policy.default_margin)]
    if wide:
        console.print(f"margins shrank so that no drop of the mean over domains by {policy.overall_margin:g} is missed")
