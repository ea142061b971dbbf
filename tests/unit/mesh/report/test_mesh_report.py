"""The page of a sweep and its pictures."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from strata.mesh.network import Quality
from strata.mesh.report import mesh_page, mesh_plot, uptime_plot
from strata.mesh.sweep import (
    TOPOLOGY,
    Applied,
    Change,
    Discovery,
    Judgement,
    Kept,
    MemberState,
    Mended,
    Moment,
    Sweep,
    finish,
    mended_sentences,
    peer_rows,
    state_rows,
    sweep_sentence,
    uptime,
)
from strata.pages import BLUE, FAINT, GREEN, ORANGE, VERMILION, page_html, page_markdown

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def swept(*links: str, names: str = "abcdef", dead: str = "", seen: str = "") -> Sweep:
    """A mesh of members with one-letter names, and links such as "ab"."""
    pairs = [(one, other) for one, other in links]
    states = {
        name: MemberState(name, "1", neighbours={b: 0.01 for ends in pairs if name in ends for b in ends if b != name})
        for name in names
        if name not in dead + seen
    }
    silent = dict.fromkeys(dead + seen, "it is <b>gone</b>")
    discovery = Discovery(NOW.timestamp(), tuple(names), states, silent, dict.fromkeys(seen, ("a",)))
    probes = dict.fromkeys(pairs, Quality(0.01, 0.001, 0.2, 5 << 20))
    return finish(Kept(), discovery, probes, TOPOLOGY, seconds=1)[0]


BEFORE, AFTER = swept("ab", "bc", "ac", "cd", dead="f", seen="e"), swept("ab", "bc", "ac", "cd", "ad", dead="f")
MENDED = Mended((BEFORE, AFTER), Applied(Change(add=(("a", "d"),)), {("b", "d"): "no"}), Judgement("keep"))


def moments(*reach: float) -> list[Moment]:
    return [Moment(NOW + timedelta(minutes=5 * number), 6, 5, share) for number, share in enumerate(reach)]


@pytest.mark.parametrize(
    ("sweep", "said"),
    [
        (swept("ab", names="ab"), "2 of 2 members live, 1 links"),
        (swept("ab", names="abc"), "3 of 3 members live, 1 links: the mesh is in 2 parts"),
        (swept("ab", "bc", names="abc"), "3 of 3 members live, 2 links: the loss of b would cut it"),
        (swept("ab", "bc", "ac", names="abc"), "3 of 3 members live, 3 links: it bears the loss of any 1"),
    ],
)
def test_a_sweep_in_a_sentence(sweep: Sweep, said: str):
    assert sweep_sentence(sweep) == said


def test_a_round_in_sentences():
    assert mended_sentences(MENDED) == (
        "5 of 6 members live, 4 links: the mesh is in 2 parts",
        "linked a - d",
        "b - d could not be changed: no",
        "5 of 6 members live, 5 links: the mesh is in 2 parts",
        "the change is kept",
    )
    back = replace(MENDED, reverted=MENDED.applied, judgement=Judgement("revert", ("slower",)))
    assert mended_sentences(back)[-1] == "the change is taken back: slower"
    assert back.done == ""


def test_a_row_for_each_member():
    rows = {row["member"]: row for row in peer_rows(BEFORE)}
    assert list(rows) == list("abcdef")
    assert rows["c"] | {"version": ""} == {
        "member": "c", "state": "weak spot", "version": "", "neighbours": "a, b, d", "round trip": "10.0 ms",
        "throughput": "5 MiB/s", "loss": "20%",
    }  # fmt: skip
    assert (rows["e"]["state"], rows["f"]["state"], rows["f"]["loss"]) == ("seen by a", "dead", "")
    states = {row["member"]: row["state"] for row in state_rows(BEFORE.discovery)}
    assert (states["a"], states["f"]) == ("alive", "silent: it is <b>gone</b>")


def test_the_picture_shows_what_is_weak_what_is_dead_and_what_was_added():
    svg = mesh_plot(MENDED).svg()
    # A weak member, a bridge, an added link, the dead and the living.
    assert all(colour in svg for colour in (ORANGE, VERMILION, GREEN, FAINT, BLUE))
    assert GREEN not in mesh_plot(replace(MENDED, reverted=MENDED.applied)).svg()
    assert mesh_plot(Mended((AFTER,))).png().startswith(b"\x89PNG")


def test_a_mesh_of_many_members_is_drawn_too():
    names = [f"m{number:03}" for number in range(100)]
    states = {name: MemberState(name) for name in names}
    sweep, _ = finish(Kept(), Discovery(0, tuple(names), states), {}, TOPOLOGY, seconds=1)
    assert "<svg" in mesh_plot(Mended((sweep,))).svg()


def test_the_page_says_how_bad_it_is_and_nothing_in_it_is_markup():
    past = moments(1.0, 0.5, 1.0)
    page = mesh_page(MENDED, past)
    assert (page.severity, page.verdict) == ("high", sweep_sentence(AFTER))
    assert "in 3 sweeps, 83.33% of the ordered pairs of living members had a path" in page.summary
    html = page_html(page)
    assert html.count("<svg") == 2
    assert "<b>gone" not in html
    assert "data:image/svg+xml" in page_markdown(page)
    assert mesh_page(Mended((swept("ab", "bc", "ac", names="abc"),)), []).severity == "none"
    assert mesh_page(Mended((swept("ab", "bc", names="abc"),)), []).severity == "medium"
    assert mesh_page(Mended((swept("ab", "bc", "ac", names="abcd", dead="d"),)), []).severity == "low"


def test_uptime_is_the_mean_over_sweeps():
    assert uptime([]) is None
    assert uptime(moments(1.0, 0.5)) == 0.75
    assert "<svg" in uptime_plot(moments(1.0, 0.5)).svg()
