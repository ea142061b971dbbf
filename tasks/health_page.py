"""The health report as a page."""

from collections.abc import Iterator

from strata.pages import Page, Section, Severity, section
from tasks.health_figures import Health, in_words

_MIB = 1 << 20


def health_page(health: Health) -> Page:
    """All of it, what needs a person first."""
    return Page(
        title="Health",
        verdict=verdict(health),
        severity=_severity(health),
        summary=_summary(health),
        sections=tuple(_sections(health)),
    )


def verdict(health: Health) -> str:
    """What needs a person, in one sentence."""
    bad, waiting = sum(each.bad for each in health.runs), len(health.open)
    found = []
    if bad:
        found.append(f"{bad} {'run' if bad == 1 else 'runs'} failed or crashed")
    if waiting:
        found.append(f"{waiting} {'incident is' if waiting == 1 else 'incidents are'} open")
    return " and ".join(found) or "Nothing needs anybody"


def _severity(health: Health) -> Severity:
    if any(each.figures.get("severity") == "high" for each in health.open):
        return "high"
    if health.open or any(each.bad for each in health.runs):
        return "medium"
    return "none"


def _summary(health: Health) -> str:
    runs = sum(each.runs for each in health.runs)
    told = [f"In the {health.hours} hours until {health.at:%Y-%m-%d %H:%M} UTC {runs} runs began"]
    told.append(f"{health.ended} incidents ended")
    told += [f"mesh {each.mesh[:12]} was {each.share:.2%} whole in {each.sweeps} sweeps" for each in health.meshes]
    if health.champion is not None:
        since = health.champion.moved
        told.append(f"champion is {health.champion.digest[:12]} since {since:%Y-%m-%d %H:%M} UTC")
    return "; ".join(told) + "."


def _sections(health: Health) -> Iterator[Section]:
    yield section(
        "Runs",
        ("pipeline", "runs", "how they ended", "mean of completed", "latest (UTC)"),
        [
            (
                each.pipeline,
                str(each.runs),
                in_words(each.ended),
                "-" if each.seconds is None else f"{each.seconds:,.1f} s",
                f"{each.last:%Y-%m-%d %H:%M}",
            )
            for each in health.runs
        ],
        {1, 3},
    )
    if health.open:
        rows = [
            (str(i.id), f"{i.started:%Y-%m-%d %H:%M}", i.pipeline, f"{i.kind}: {i.subject}", i.detail)
            for i in health.open
        ]
        yield section("Open incidents", ("no.", "since (UTC)", "pipeline", "what", "detail"), rows, {0}, first=True)
    if health.meshes:
        yield section(
            "Meshes",
            ("mesh", "sweeps", "pairs with a path", "members", "alive at last"),
            [(m.mesh[:12], str(m.sweeps), f"{m.share:.2%}", str(m.members), str(m.alive)) for m in health.meshes],
            {1, 2, 3, 4},
            note="The mean, over the sweeps, of the share of ordered pairs of living members that had a path.",
        )
    if health.champion is not None:
        champion = health.champion
        yield section(
            "Champion",
            ("model", "since (UTC)", "by", "why"),
            [(champion.digest[:12], f"{champion.moved:%Y-%m-%d %H:%M}", champion.kind, champion.reason)],
        )
    if health.nodes:
        yield section(
            "Memory of nodes",
            ("node", "used MiB", "of MiB", "sessions", "what grows"),
            [
                (n.node, f"{n.used / _MIB:,.0f}", f"{n.budget / _MIB:,.0f}", str(n.sessions), n.leak or "-")
                for n in health.nodes
            ],
            {1, 2, 3},
            note="By the latest sample that the API took of each.",
        )
    store = health.store
    yield section(
        "Store",
        ("what", "blobs", "MiB"),
        [
            ("named, or young", f"{store.blobs:,}", f"{store.size / _MIB:,.1f}"),
            (
                f"named by nobody, with {store.leftovers} leftovers of dead writers",
                f"{store.unnamed:,}",
                f"{store.unnamed_size / _MIB:,.1f}",
            ),
        ],
        {1, 2},
        note="`strata store gc` removes the second line.",
    )
