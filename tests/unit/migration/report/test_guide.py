"""The migration guide and its picture."""

from dataclasses import replace

from strata.migration.report import Account, Forms, Left, Matrix, Moved, Suite, Undone, guide, matrix_plot
from strata.pages import page_html, page_markdown

MATRIX = Matrix(
    "before",
    ("p.low.a", "p.low.b", "p.high.c"),
    {"p.low.a": "p.low", "p.low.b": "p.low", "p.high.c": "p.high"},
    frozenset({("p.low.b", "p.low.a"), ("p.high.c", "p.low.a"), ("p.low.a", "p.high.c")}),
)
ACCOUNT = Account(
    tree="shop",
    strategy="relative_preferred",
    files=12,
    changed_files=3,
    converted=7,
    before=Forms(2, 9, 1),
    after=Forms(9, 2, 1),
    undo="strata imports rollback --tree shop",
    moved=(Moved("p.high.tax", "p.low.tax", 3, 2, shim=True),),
    left=(
        Left("p/run.py", 4, "script", "run by path"),
        Left("p/run.py", 5, "script", "run by path"),
        Left("p/x.py", None, "strange", "told by nobody"),
    ),
    undone=(Undone("p/b.py", "a test failed"),),
    broken=(Left("p/old.py", 1, "syntax", "does not parse"),),
    tests=Suite(40, 40, 1, 1),
    measures={"imports across packages": (8, 5)},
    matrices=(MATRIX, replace(MATRIX, title="after")),
)


def titles(account: Account) -> list[str]:
    return [section.title for section in guide(account).sections]


def test_it_says_what_was_done_and_how_to_undo_it() -> None:
    page = guide(ACCOUNT)
    assert page.summary.startswith("7 imports in 3 of 12 files are now relative within a package.")
    assert "40 pass and 1 fail: the same as before" in page.summary
    assert "strata imports rollback --tree shop" in page.done[-1]
    assert (page.verdict, page.severity) == ("done, some steps undone", "low")


def test_tests_with_another_result_are_the_gravest() -> None:
    page = guide(replace(ACCOUNT, tests=Suite(40, 39, 1, 2, ("test_a",))))
    assert (page.verdict, page.severity) == ("tests changed", "high")
    assert "1 have another result" in page.summary


def test_what_did_not_happen_has_no_section() -> None:
    bare = Account("shop", "absolute", 1, 0, 0, Forms(0, 0, 0), Forms(0, 0, 0), "undo")
    assert titles(bare) == ["Imports"]
    assert guide(bare).verdict == "nothing to do"
    assert "were not run" in guide(bare).summary


def test_refusals_are_counted_by_reason_with_what_can_be_done() -> None:
    (left,) = (each for each in guide(ACCOUNT).sections if each.title == "Left as it is")
    assert [tuple(row[:3]) for row in left.rows] == [("script", "2", "1"), ("strange", "1", "1")]
    assert "python -m" in left.rows[0][3]
    assert left.rows[1][3] == "told by nobody"


def test_coupling_has_its_change_in_percent() -> None:
    (coupling,) = (each for each in guide(ACCOUNT).sections if each.title == "Coupling")
    assert tuple(coupling.rows[0]) == ("imports across packages", "8", "5", "\N{MINUS SIGN}38%")
    assert coupling.picture is not None


def test_names_of_others_are_text_in_both_forms() -> None:
    evil = replace(ACCOUNT, left=(Left("<script>.py", 1, "script", "a | b *c*"),))
    assert "<script>" not in page_html(guide(evil))
    assert "a \\| b \\*c\\*" in page_markdown(guide(evil), pictures=False)


def test_the_matrix_counts_what_crosses_packages() -> None:
    assert MATRIX.across() == 2


def test_the_picture_is_the_same_for_the_same_matrix() -> None:
    picture = matrix_plot((MATRIX,))
    assert picture.svg() == matrix_plot((MATRIX,)).svg()
    assert "aria-label" in picture.svg()


def test_a_large_matrix_is_shown_by_package() -> None:
    names = tuple(f"p.k{i // 50}.m{i}" for i in range(500))
    edges = frozenset((names[i], names[(i * 7) % 500]) for i in range(1, 500))
    matrix = Matrix("large", names, {name: name.rpartition(".")[0] for name in names}, edges)
    assert matrix_plot((matrix,)).svg().count("<use") < len(edges)
