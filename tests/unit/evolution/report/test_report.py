"""Reports: all of it is there, nothing in it is markup of the page, and the same report gives the same bytes."""

import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.evolution.report import (
    DomainResult,
    GenerationResult,
    Relative,
    Report,
    difference_plot,
    family_plot,
    fitness_plot,
    report_html,
    report_markdown,
)
from strata.evolution.report.contents import MINUS, NONE, clean

NASTY = '<script>alert("x")</script> $x_1$ | `a` [b](http://c) \x00\n# d && --> ]]> 模型'
REPORT = Report(
    title="Round 7",
    verdict="regress",
    severity="high",
    summary="Math fell.",
    evidence=(("suite", "math-v3"), ("p", "0.0002")),
    done=("moved the pointer back", "resolved incident 3"),
    domains=(
        DomainResult("math", -0.07, -0.10, -0.04, 0.04, 1210),
        DomainResult("coding", 0.02, -0.01, 0.04, 0.03, 904),
        DomainResult("reasoning", -0.01, -0.04, 0.02, 0.03, 640),
        DomainResult("language", 0.0, float("nan"), float("inf"), 0.03, 1),
    ),
    generations=(
        GenerationResult(1, 0.6, (0.5, 0.6), "promote"),
        GenerationResult(2, None, (), "failed"),
        GenerationResult(3, 0.58, (0.55, float("nan")), "regress"),
    ),
    family=(
        Relative("a" * 64, "base", None, ()),
        Relative("b" * 64, "child", 1, ("a" * 64, "f" * 64), "former champion"),
        Relative("c" * 64, "grandchild", 3, ("a" * 64, "b" * 64), "champion"),
    ),
)
EVIL = replace(
    REPORT,
    title=NASTY,
    verdict=NASTY,
    summary=NASTY * 100,
    evidence=((NASTY, NASTY),),
    done=(NASTY,),
    domains=(DomainResult(NASTY, 0, -0.1, 0.1, 0.05, 10),),
    generations=(GenerationResult(1, 0.5, (), NASTY),),
    family=(Relative("a" * 64, NASTY, None, (NASTY,), "champion"),),
)


class Page(HTMLParser):
    """Tags, ids and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href"):
                self.links.append(value or "")

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.parametrize(
    ("low", "high", "outlook"),
    [
        (-0.029, 0.1, "held"),
        (-0.03, 0.1, "open"),
        (-0.1, -0.03, "lost"),
        (-0.1, -0.029, "open"),
        (float("nan"), 0, "open"),
    ],
)
def test_a_domain_is_held_open_or_lost_by_its_whole_interval(low: float, high: float, outlook: str) -> None:
    assert DomainResult("math", 0.0, low, high, 0.03, 10).outlook == outlook


def test_the_page_has_everything_and_needs_nothing() -> None:
    page = Page(report_html(REPORT))
    for words in ("Round 7", "regress", "high", "Math fell.", "math-v3", "resolved incident 3", "worse than allowed"):
        assert words in page.words
    assert f"{MINUS}0.070" in page.words
    assert NONE in page.words
    assert page.tags.count("svg") == 3
    assert "script" not in page.tags
    assert page.links
    assert all(link.startswith("#") for link in page.links)
    assert len(set(page.ids)) == len(page.ids)
    assert {link[1:] for link in page.links} <= set(page.ids)


def test_the_markdown_has_a_table_of_each_and_the_pictures() -> None:
    text = report_markdown(REPORT)
    assert "| math | -0.070 | -0.100 to -0.040 | 0.040 | 1,210 | worse than allowed |" in text.replace(MINUS, "-")
    assert "| 3 | 0.5800 |" in text
    assert "| grandchild | cccccccccccc | 3 | base, child | champion |" in text
    assert text.count("](data:image/svg+xml;base64,") == 3
    assert "data:" not in report_markdown(REPORT, pictures=False)


def test_a_report_without_results_is_a_report() -> None:
    bare = Report("Round 1", "inconclusive", "none", "Nothing was bred.")
    assert Page(report_html(bare)).tags.count("svg") == 0
    assert report_markdown(bare).count("##") == 0


def test_nothing_in_a_report_is_markup() -> None:
    page, plain = Page(report_html(EVIL)), Page(report_html(replace(REPORT, family=REPORT.family[:1])))
    assert set(page.tags) <= set(plain.tags) | {"svg"}
    assert clean(NASTY) in page.words
    text = report_markdown(EVIL, pictures=False)
    assert "<script" not in text
    assert all(line.count("|") - line.count("\\|") in (0, 3, 6, 7) for line in text.splitlines())
    assert "\\[b\\](http\\://c)" in text
    assert not [line for line in text.splitlines() if line.startswith("# d")]


@pytest.mark.parametrize("plot", [difference_plot, fitness_plot, family_plot])
def test_plots_are_valid_whatever_the_names_and_numbers(plot) -> None:
    of = {difference_plot: "domains", fitness_plot: "generations", family_plot: "family"}[plot]
    for values in (getattr(REPORT, of), getattr(EVIL, of), ()):
        root = ElementTree.fromstring(plot(values))
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert plot(values) == plot(values)


def test_a_large_family_is_cut_to_its_latest() -> None:
    family = [Relative(f"{n:064x}", f"m{n}", n or None, (f"{n - 1:064x}",) if n else ()) for n in range(300)]
    report = Report("Long", "promote", "none", "", family=tuple(family))
    page = report_html(report)
    assert "250 earlier rows are not shown." in page
    assert len(page) < 2_000_000


def test_plots_are_the_same_in_another_process() -> None:
    code = "from tests.unit.evolution.report.test_report import *; print(hash_of(report_html(REPORT)))"
    other = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert other.strip() == hash_of(report_html(REPORT))


def hash_of(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


def test_importing_reports_loads_no_matplotlib() -> None:
    code = "import strata.evolution.report, sys; print('matplotlib' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


@settings(max_examples=200)
@given(st.text(max_size=1000), st.integers(2, 50))
def test_clean_text_is_one_short_line(text: str, most: int) -> None:
    found = clean(text, most)
    assert len(found) <= most
    assert all(c.isprintable() for c in found)
    assert clean(found, most) == found
