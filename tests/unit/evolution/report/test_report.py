"""Reports: all of it is there, nothing in it is markup of the page, and the same report gives the same bytes."""

import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.evolution.report import (
    Comparison,
    Difference,
    DomainResult,
    FailedChild,
    FrontModel,
    GenerationResult,
    Happening,
    Picture,
    Relative,
    Report,
    difference_plot,
    family_plot,
    fitness_plot,
    front_plot,
    report_html,
    report_markdown,
)
from strata.evolution.report.contents import MINUS, NONE
from strata.pages import clean
from strata.pages.drawing import BLUE, FAINT, GREEN, INK, NIGHT, PAPER, VERMILION, variable

NASTY = '<script>alert("x")</script> $x_1$ | `a` [b](http://c) \x00\n# d && --> ]]> 模型'
DOMAINS = (
    DomainResult(-0.07, -0.10, -0.04, 1210, "math", 0.04, "lost"),
    DomainResult(0.02, -0.01, 0.04, 904, "coding", 0.03, "held"),
    DomainResult(-0.01, -0.04, 0.02, 640, "reasoning", 0.03, "open"),
    DomainResult(0.0, float("nan"), float("inf"), 1, "language", 0.03, "open"),
)
GAIN = Difference(-0.015, -0.03, 0.001, 2755)
REPORT = Report(
    title="Round 7",
    verdict="regress",
    severity="high",
    summary="Math fell.",
    evidence=(("suite", "math-v3"), ("p", "0.0002")),
    done=("moved the pointer back", "resolved incident 3"),
    comparisons=(
        Comparison("What was found", "child", "base", "fresh items", 0.9, DOMAINS, GAIN),
        Comparison("What the gate had said", "child", "base", "gate items", 0.8, DOMAINS[:1]),
    ),
    generations=(
        GenerationResult(1, 0.6, (0.5, 0.6), "promote", 0.4, 0.6, Difference(0.1, 0.05, 0.15, 800), ending="promoted"),
        GenerationResult(2, None, (), "none", ending="failed"),
        GenerationResult(3, 0.58, (0.55, float("nan")), "regress", 0.6, 0.55, GAIN, affected=("math",), ending="kept"),
    ),
    front=(
        FrontModel("c" * 64, "grandchild", "ties", {"math": 0.7, "coding": 0.6}, "champion"),
        FrontModel("a" * 64, "base", "founder", {"math": 0.6, "coding": 0.65}, founder=True),
    ),
    compared=17,
    front_items=250,
    family=(
        Relative("a" * 64, "base", None, ()),
        Relative("b" * 64, "child", 1, ("a" * 64, "f" * 64), "former champion"),
        Relative("c" * 64, "grandchild", 3, ("a" * 64, "b" * 64), "champion"),
    ),
    failures=(FailedChild(3, "slerp", "not-finite", "NaN in lm_head"),),
    happenings=(Happening(3, "2026-03-01 04:00:00", "regression: child", "math fell", "resolved: rolled back"),),
)
EVIL = replace(
    REPORT,
    title=NASTY,
    verdict=NASTY,
    summary=NASTY * 100,
    evidence=((NASTY, NASTY),),
    done=(NASTY,),
    comparisons=(
        Comparison(NASTY, NASTY, NASTY, NASTY, 0.9, (DomainResult(0, -0.1, 0.1, 10, NASTY, 0.05, "open"),), GAIN),
    ),
    generations=(GenerationResult(1, 0.5, (), NASTY, affected=(NASTY,), gain=GAIN, ending=NASTY),),
    front=(FrontModel("a" * 64, NASTY, NASTY, {NASTY: 0.5}),),
    family=(Relative("a" * 64, NASTY, None, (NASTY,), "champion"),),
    failures=(FailedChild(3, NASTY, NASTY, NASTY),),
    happenings=(Happening(3, NASTY, NASTY, NASTY, NASTY),),
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


def test_the_page_has_everything_and_needs_nothing() -> None:
    page = Page(report_html(REPORT))
    for words in (
        "Round 7",
        "regress",
        "high",
        "Math fell.",
        "math-v3",
        "resolved incident 3",
        "dropped",
        "NaN in lm_head",
        "17 models",
    ):
        assert words in page.words
    assert f"{MINUS}0.070" in page.words
    assert NONE in page.words
    assert page.tags.count("svg") == 5
    assert "script" not in page.tags
    assert page.links
    assert all(link.startswith("#") for link in page.links)
    assert len(set(page.ids)) == len(page.ids)
    assert {link[1:] for link in page.links} <= set(page.ids)


def test_the_markdown_has_a_table_of_each_and_the_pictures() -> None:
    text = report_markdown(REPORT)
    plain = text.replace(MINUS, "-").replace(NONE, "-")
    assert "| math | -0.070 | -0.100 to -0.040 | 0.040 | 1,210 | dropped |" in plain
    assert "| mean of domains | -0.015 | -0.030 to +0.001 | - | 2,755 | - |" in plain
    assert "| 3 | 2 | 0.5500 | -0.015 | -0.030 to +0.001 | 2,755 | regress: math | kept | 0.5800 |" in plain
    assert "| 2 | 0 | - | - | - | - | none | failed | - |" in plain
    assert "| grandchild | cccccccccccc | ties | 0.700 | 0.600 | champion |" in plain
    assert "| 3 | slerp | not-finite | NaN in lm\\_head |" in plain
    assert "| 3 | 2026-03-01 04:00:00 | regression: child | math fell | resolved: rolled back |" in plain
    assert "| grandchild | cccccccccccc | 3 | base, child | champion |" in text
    assert text.count("](data:image/svg+xml;base64,") == 5
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
    assert all(line.count("|") - line.count("\\|") in (0, 3, 5, 6, 7, 10) for line in text.splitlines())
    assert "\\[b\\](http\\://c)" in text
    assert not [line for line in text.splitlines() if line.startswith("# d")]


def pictures(report: Report) -> list[Picture]:
    return [
        *(difference_plot(each) for each in report.comparisons),
        fitness_plot(report.generations),
        front_plot(report.front),
        family_plot(report.family),
    ]


@pytest.mark.parametrize("report", [REPORT, EVIL], ids=["plain", "evil"])
def test_plots_are_valid_whatever_the_names_and_numbers(report: Report) -> None:
    for picture in pictures(report):
        assert ElementTree.fromstring(picture.svg()).tag == "{http://www.w3.org/2000/svg}svg"
        assert picture.svg() == picture.svg()


def test_plots_of_nothing_are_plots() -> None:
    for picture in (fitness_plot(()), front_plot(()), family_plot(())):
        ElementTree.fromstring(picture.svg())
    assert fitness_plot(REPORT.generations).png().startswith(b"\x89PNG")


def test_every_colour_of_a_plot_is_one_that_the_page_can_change() -> None:
    page = report_html(REPORT)
    used = {colour for picture in pictures(REPORT) for colour in re.findall(r"#[0-9a-f]{6}\b", picture.svg())}
    assert used <= NIGHT.keys()
    for colour in used:
        assert page.count(f"var({variable(colour)}, {colour})") > 0
        assert page.count(f"{variable(colour)}: {NIGHT[colour]};") == 1


def test_night_and_day_colours_are_told_apart_from_their_paper() -> None:
    for paper, colours in ((PAPER, NIGHT.keys()), (NIGHT[PAPER], NIGHT.values())):
        contrast = {colour: contrast_of(colour, paper) for colour in colours}
        for light in (INK, FAINT):
            assert contrast[light if paper == PAPER else NIGHT[light]] > 4.5  # WCAG 2.2, text
        for role in (BLUE, VERMILION, GREEN):
            assert contrast[role if paper == PAPER else NIGHT[role]] > 3  # graphical objects


def contrast_of(one: str, other: str) -> float:
    """WCAG's contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_a_large_family_is_cut_to_its_latest() -> None:
    family = [Relative(f"{n:064x}", f"m{n}", n or None, (f"{n - 1:064x}",) if n else ()) for n in range(300)]
    report = Report("Long", "promote", "none", "", family=tuple(family))
    page = report_html(report)
    assert "250 other rows are not shown." in page
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
