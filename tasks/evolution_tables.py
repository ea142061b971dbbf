"""A judgement of the gate as a table, for artifacts and for the form that a person decides by."""

from collections.abc import Mapping
from typing import Any


def judgement_markdown(judgement: Mapping[str, Any]) -> str:
    """Domains with their differences and intervals, the mean of all last."""
    level = f"{judgement['level']:.0%}"
    lines = [f"| domain | items | difference | {level} interval | margin |", "|---|---|---|---|---|"]
    for d in judgement["domains"]:
        span = f"{d['low']:+.4f} to {d['high']:+.4f}"
        lines.append(f"| {d['domain']} | {d['items']} | {d['difference']:+.4f} | {span} | {-d['margin']:+.4f} |")
    overall = judgement["overall"]
    span = f"{overall['low']:+.4f} to {overall['high']:+.4f}"
    lines.append(f"| all | {judgement['items']} | {overall['difference']:+.4f} | {span} | |")
    return "\n".join(lines)
