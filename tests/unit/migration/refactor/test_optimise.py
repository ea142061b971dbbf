"""The optimiser: incremental prices are the recomputed ones, limits hold always, what lies astray is found."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.migration.refactor import Layout, Limits, optimise
from strata.migration.refactor.arrangement import Arrangement

PACKAGES = ("a", "a.b", "a.b.c", "a.d", "e")


@st.composite
def layouts(draw):
    count = draw(st.integers(2, 14))
    places = draw(st.lists(st.sampled_from(PACKAGES), min_size=count, max_size=count))
    names = [f"{place}.m{at % 6}x{place.count('.')}" for at, place in enumerate(places)]
    package = dict(zip(names, places, strict=True))
    modules = st.sampled_from(sorted(package))
    pairs = draw(st.lists(st.tuples(modules, modules), max_size=40))
    weights = {pair: float(draw(st.integers(1, 4))) for pair in pairs if pair[0] != pair[1]}
    return Layout(package, weights, frozenset(draw(st.lists(modules, max_size=2))))


limits = st.builds(
    Limits,
    moved=st.sampled_from([0.2, 0.5, 1.0]),
    largest=st.sampled_from([1.0, 1.5, 3.0]),
    growth=st.sampled_from([None, 0.25, 1.0]),
    price=st.sampled_from([0.0, 1.0]),
    renames=st.booleans(),
)


def assert_within(layout, limits, moves):
    before, after = layout.measure(), layout.measure(moves)
    assert len(moves) <= limits.moved * len(layout.package)
    assert not layout.fixed & moves.keys()
    assert after.package_pairs <= before.package_pairs
    assert after.packages_in_cycles <= before.packages_in_cycles
    old = Counter(layout.package.values())
    new = Counter({**layout.package, **moves}.values())
    for package, size in new.items():
        assert size <= max(old[package], int(limits.largest * max(old.values())))
        if limits.growth is not None:
            assert size <= max(old[package] + 1, int((1 + limits.growth) * old[package]))
    for module, to in moves.items():
        assert to.partition(".")[0] == module.partition(".")[0]
    if not limits.renames:
        kept = {f"{layout.package[module]}.{module.rpartition('.')[2]}" for module in layout.package}
        arrived = [f"{to}.{module.rpartition('.')[2]}" for module, to in moves.items()]
        assert len(set(arrived)) == len(arrived)
        assert not set(arrived) & (kept | set(layout.package.values()))


@settings(max_examples=60, deadline=None)
@given(layouts(), limits, st.sampled_from(["pairs", "weighted"]), st.integers(0, 9))
def test_prices_are_the_recomputed_ones_and_limits_hold_after_every_move(layout, limits, aim, seed):
    arrangement, choice = Arrangement(layout, limits, aim), random.Random(seed)
    for _ in range(30):
        module = choice.choice(range(len(arrangement.modules)))
        to = choice.choice(range(len(arrangement.packages)))
        if module not in arrangement.movable or not arrangement.may(module, to):
            continue
        gain, before = arrangement.gain(module, to), arrangement.value
        if arrangement.move(module, to):
            assert arrangement.value == pytest.approx(before - gain)
        else:
            assert arrangement.value == pytest.approx(before)
        assert arrangement.cost == pytest.approx(getattr(layout.measure(arrangement.moves()), aim))
        assert_within(layout, limits, arrangement.moves())
        assert sorted(arrangement.away) == sorted(map(arrangement.modules.index, arrangement.moves()))


@settings(max_examples=40, deadline=None)
@given(layouts(), limits, st.sampled_from(["pairs", "weighted"]), st.integers(0, 9))
def test_a_proposal_keeps_within_the_limits_is_never_worse_and_repeats(layout, limits, aim, seed):
    found = optimise(layout, limits, aim=aim, seed=seed, effort=0.2)
    moves = dict(found.moves)
    assert_within(layout, limits, moves)
    assert found.before == layout.measure()
    assert found.after == layout.measure(moves)
    assert getattr(found.after, aim) + limits.price * len(moves) <= getattr(found.before, aim)
    assert sum(found.gains) == found.before.pairs - found.after.pairs
    assert optimise(layout, limits, aim=aim, seed=seed, effort=0.2) == found


def planted(*, astray: int, seed: int) -> tuple[Layout, dict[str, str]]:
    """Five packages of eight modules that import within, a few modules of which lie in a wrong one."""
    choice = random.Random(seed)
    right = {f"p.k{group}.m{group}{at}": f"p.k{group}" for group in range(5) for at in range(8)}
    weights = {}
    for module, package in right.items():
        near = [other for other in right if right[other] == package and other != module]
        weights |= {(module, other): 1.0 for other in choice.sample(near, 4)}
    weights |= {(f"p.k{group}.m{group}0", f"p.k{group - 1}.m{group - 1}0"): 1.0 for group in range(1, 5)}
    strayed = choice.sample([module for module in sorted(right) if not module.endswith("0")], astray)
    package = {m: f"p.k{(int(right[m][-1]) + 2) % 5}" if m in strayed else right[m] for m in right}
    return Layout(package, weights), {module: right[module] for module in strayed}


@pytest.mark.parametrize("seed", range(3))
def test_modules_that_lie_astray_are_brought_back(seed):
    layout, astray = planted(astray=6, seed=seed)
    found = optimise(layout, seed=seed)
    assert dict(found.moves) == astray
    assert found.after.pairs == 4
    assert found.reached_net < found.reached


def test_a_move_that_gains_no_more_than_its_price_is_not_made():
    layout = Layout({"p.a.x": "p.a", "p.b.y": "p.b", "p.b.z": "p.b"}, {("p.b.y", "p.a.x"): 1.0})
    assert len(optimise(layout, Limits(moved=0.5, largest=2)).moves) == 1
    assert not optimise(layout, Limits(moved=0.5, largest=2, price=1)).moves


def test_a_move_for_nothing_is_not_made():
    weights = {("p.a.x", "p.a.y"): 1.0, ("p.a.x", "p.b.z"): 1.0, ("p.b.w", "p.b.z"): 1.0}
    places = {"p.a.x": "p.a", "p.a.y": "p.a", "p.b.z": "p.b", "p.b.w": "p.b"}
    layout = Layout(places, weights, frozenset(["p.a.y", "p.b.z"]))
    assert all(not optimise(layout, Limits(moved=1, largest=3), seed=seed).moves for seed in range(5))


def test_fixed_modules_and_closed_packages_are_left_alone():
    layout, astray = planted(astray=4, seed=0)
    stays, kept_out = sorted(astray)[:2]
    held = Layout(layout.package, layout.weights, frozenset([stays]), frozenset([astray[kept_out]]))
    moves = dict(optimise(held).moves)
    assert stays not in moves
    assert astray[kept_out] not in moves.values()


def test_taken_names_need_leave_to_rename():
    weights = {("p.b.y", "p.a.x"): 1.0, ("p.b.x", "p.a.x"): 1.0, ("p.b.x", "p.b.y"): 1.0}
    layout = Layout({"p.a.x": "p.a", "p.b.y": "p.b", "p.b.x": "p.b"}, weights, frozenset(["p.b.y", "p.b.x"]))
    assert not optimise(layout, Limits(moved=0.5, largest=2)).moves
    assert optimise(layout, Limits(moved=0.5, largest=2, renames=True)).moves == (("p.a.x", "p.b"),)


def test_an_empty_project_has_no_moves():
    assert optimise(Layout({"p.a": "p"}, {})).moves == ()
    assert optimise(Layout({"p.a": "p"}, {})).reached == 0


def test_a_cycle_that_closes_through_pairs_that_came_while_it_was_open_is_seen():
    """a and b import each other. While a does not import b, b comes to import x, and x a; each alone closes nothing."""
    homes = {"s": "a", "t": "b", "u": "b", "v": "a", "w": "o", "y": "x", "z": "o", "q": "a"}
    layout = Layout(
        {f"p.{home}.{base}": f"p.{home}" for base, home in homes.items()},
        {
            (f"p.{homes[one]}.{one}", f"p.{homes[other]}.{other}"): 1.0
            for one, other in [("s", "t"), ("u", "v"), ("w", "y"), ("z", "q")]
        },
    )
    arrangement = Arrangement(layout, Limits(moved=1.0, largest=9.0))
    arrangement._most_pairs = 9
    module = {name.rpartition(".")[2]: at for at, name in enumerate(arrangement.modules)}
    package = {name.rpartition(".")[2]: at for at, name in enumerate(arrangement.packages)}
    assert all(arrangement.move(module[base], package[to]) for base, to in [("s", "o"), ("w", "b"), ("z", "x")])
    assert layout.measure(arrangement.moves()).packages_in_cycles == 0
    assert not arrangement.move(module["s"], package["a"])
