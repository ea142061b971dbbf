"""The page of a swept mesh."""

from collections.abc import Iterable, Iterator, Sequence

from strata.mesh.report.mesh_plot import mesh_plot
from strata.mesh.report.uptime_plot import uptime_plot
from strata.mesh.sweep import Mended, Moment, Trouble, mended_sentences, peer_rows, sweep_sentence, troubles, uptime
from strata.pages import Page, Section, Severity, section


def mesh_page(mended: Mended, past: Sequence[Moment]) -> Page:
    """The latest round of a mesh, and how whole the mesh was in the sweeps of the past, the oldest first."""
    last = mended.sweeps[-1]
    found = troubles(last)
    said = mended_sentences(mended)
    return Page(
        title="The mesh",
        verdict=sweep_sentence(last),
        severity=_severity(mended),
        summary=_summary(found, past),
        done=said[1:],
        sections=tuple(_sections(mended, found, past)),
    )


def _severity(mended: Mended) -> Severity:
    last = mended.sweeps[-1]
    if len(last.weak.components) > 1:
        return "high"
    if last.weak.articulation_points or last.weak.bridges:
        return "medium"
    return "low" if troubles(last) else "none"


def _summary(found: Sequence[Trouble], past: Sequence[Moment]) -> str:
    kinds = list(dict.fromkeys(each.kind for each in found))
    told = [f"{kind}: {', '.join(each.subject for each in found if each.kind == kind)}" for kind in kinds]
    share = uptime(past)
    if share is not None:
        told.append(f"in {len(past)} sweeps, {share:.2%} of the ordered pairs of living members had a path")
    return ". ".join(told) or "Nothing is wrong"


def _sections(mended: Mended, found: Iterable[Trouble], past: Sequence[Moment]) -> Iterator[Section]:
    rows = peer_rows(mended.sweeps[-1])
    yield section(
        "Members",
        list(rows[0]) if rows else [],
        [list(row.values()) for row in rows],
        range(4, 7),
        picture=mesh_plot(mended),
        note="Round trip, throughput and loss are of the best, the fastest and the worst of its links. A ping counts "
        "as lost when it is not answered within a second, and pairs are probed at the same time, so that throughput "
        "is what is left of the machines then." + (" On the left before the change." if len(mended.sweeps) > 1 else ""),
        first=True,
    )
    wrong = [[each.kind, each.subject, each.detail] for each in found]
    if wrong:
        yield section("What is wrong", ["kind", "who", "why"], wrong, first=True)
    yield section(
        "Uptime",
        ["sweep", "members", "alive", "pairs with a path"],
        [[f"{m.at:%Y-%m-%d %H:%M:%S}", str(m.members), str(m.alive), f"{m.reach:.1%}"] for m in past],
        range(1, 4),
        picture=uptime_plot(past) if len(past) > 1 else None,
    )
