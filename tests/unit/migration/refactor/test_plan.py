"""A plan is data: it survives JSON, is refused with the place of what is wrong, and fits one state of a project."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.migration.coupling import CrossPackage
from strata.migration.imports import analyse
from strata.migration.refactor import Advice, BadMoves, Limits, MovePlan, PlannedMove, check_plan, plan_moves
from tests.support.trees import make_tree

SAMPLE = Path(__file__).parents[4] / "data" / "sample_project"

parts = st.text("abcdef_", min_size=1, max_size=4)
counts = st.integers(0, 10**6)
coupling = st.builds(CrossPackage, st.floats(0, 1e9), counts, counts, counts, counts, counts)


@st.composite
def plans(draw):
    bases = draw(st.lists(parts, max_size=5, unique=True))
    steps = tuple(
        PlannedMove(f"p.a.{base}", "p.a", "p.b", draw(counts), draw(counts), draw(counts), draw(st.booleans()))
        for base in bases
    )
    advice = draw(st.lists(st.builds(Advice, st.sampled_from(["cycle", "clone"]), st.tuples(st.text()), st.text())))
    files = draw(st.dictionaries(st.text(), st.text(), max_size=4))
    fixed = draw(st.dictionaries(st.text(), counts, max_size=4))
    return MovePlan(
        draw(st.text()), steps, files, draw(coupling), draw(coupling), ("src",), fixed, tuple(advice)
    )  # fmt: skip


@given(plans())
def test_a_plan_survives_json(plan):
    assert MovePlan.from_json(json.dumps(plan.to_json()).encode()) == plan


@given(st.binary(max_size=60) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_whatever_is_no_plan_is_refused(data):
    with pytest.raises(BadMoves):
        MovePlan.from_json(data if isinstance(data, bytes) else data.encode())


@pytest.fixture(scope="module")
def planned():
    return plan_moves(analyse(SAMPLE, workers=1))


def edited(plan, change):
    found = json.loads(json.dumps(plan.to_json()))
    change(found)
    return json.dumps(found).encode()


def test_the_sample_falls_by_more_than_a_third_and_every_step_is_priced(planned):
    assert planned.reached > 1 / 3
    assert planned.reached_net == pytest.approx(planned.reached - planned.shims / planned.before.pairs)
    assert planned.after.package_pairs <= planned.before.package_pairs
    assert planned.after.packages_in_cycles <= planned.before.packages_in_cycles
    tax = next(step for step in planned.steps if step.module == "depot.orders.tax")
    assert (tax.target, tax.gain, tax.importers, tax.strings, tax.shim) == ("depot.billing", 4, 4, 2, True)
    assert sum(step.gain for step in planned.steps) == planned.before.pairs - planned.after.pairs
    cycle = next(each for each in planned.advice if each.kind == "cycle")
    assert cycle.places == ("src/depot/orders/backorders.py:5",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p["steps"][1].pop("to"), "step 2 has no 'to'"),
        (lambda p: p["steps"][0].update(shim="yes"), "step 1: 'shim' must be a true or false"),
        (lambda p: p["steps"][0].update(gain=True), "step 1: 'gain' must be a whole number"),
        (lambda p: p["steps"][0].update(where="p"), "step 1 has 'where', which no step has"),
        (lambda p: p["steps"][0].update(to="depot.in-ventory"), "is no dotted name"),
        (lambda p: p["steps"][0].update({"from": "depot.orders"}), "does not lie in depot.orders"),
        (lambda p: p["steps"][0].update(to="other.place"), "another top-level package"),
        (lambda p: p["steps"][0].update(to="depot.catalog"), "would stay where it is"),
        (lambda p: p["steps"].append(p["steps"][0]), "is in step 1 too"),
        (lambda p: p.update(version=2), "no plan of moves of version 1"),
        (lambda p: p.update(steps={}), "'steps' must be a list"),
        (lambda p: p["before"].pop("pairs"), "'before' must be an object with"),
        (lambda p: p.update(files=[1]), "'files' must be an object"),
    ],
)
def test_a_mistake_of_whoever_edits_a_plan_is_named(planned, change, message):
    with pytest.raises(BadMoves, match=message):
        MovePlan.from_json(edited(planned, change))


def test_a_plan_fits_the_files_that_it_was_made_for(tmp_path, planned):
    tree = shutil.copytree(SAMPLE, tmp_path / "copy")
    check_plan(planned, analyse(tree, workers=1))
    (tree / "src/depot/orders/cart.py").write_text("# other\n")
    with pytest.raises(BadMoves, match=r"cart\.py has changed since"):
        check_plan(planned, analyse(tree, workers=1))
    (tree / "src/depot/orders/tax.py").unlink()
    with pytest.raises(BadMoves, match=r"depot\.orders\.tax is no module"):
        check_plan(planned, analyse(tree, workers=1))


def test_what_is_asked_to_stay_stays():
    analysis = analyse(SAMPLE, workers=1)
    found = plan_moves(analysis, keep=["depot.orders.tax", "depot.catalog"])
    assert found.fixed["asked"] == 5
    assert not {"depot.orders.tax", "depot.catalog.stock"} & {step.module for step in found.steps}
    with pytest.raises(BadMoves, match=r"depot\.order is no module"):
        plan_moves(analysis, keep=["depot.order"])


def test_modules_that_turn_out_to_be_stuck_are_planned_around(tmp_path):
    files = {f"p/{name}/__init__.py": "" for name in "abc"} | {"p/__init__.py": "", "p/a/x.py": "X = 1\n"}
    files |= {f"p/b/m{at}.py": "from p.a.x import X\n" for at in range(4)} | {"p/c/__init__.py": "import p.a\np.a.x\n"}
    found = plan_moves(analyse(make_tree(tmp_path, files), workers=1), Limits(price=1, largest=2))
    assert found.steps == ()
    assert found.fixed["attribute-use"] == 1


def test_a_module_whose_name_is_taken_gets_one_only_where_that_is_allowed(tmp_path):
    files = {"p/__init__.py": "", "p/a/__init__.py": "", "p/a/x.py": "X = 1\n", "p/b/__init__.py": "", "p/b/x.py": ""}
    files |= {f"p/b/m{at}.py": "from p.a.x import X\n" for at in range(4)}
    analysis = analyse(make_tree(tmp_path, files), workers=1)
    limits = {"price": 1, "largest": 2}
    assert plan_moves(analysis, Limits(**limits)).steps == ()
    (step,) = plan_moves(analysis, Limits(**limits, renames=True)).steps
    assert step.move.new == "p.b.a_x"
