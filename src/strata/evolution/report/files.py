"""Reports as pages: as text, and as files that can be opened beside the store."""

from pathlib import Path

from strata import pages
from strata.evolution.report.contents import Report
from strata.evolution.report.fitness_plot import fitness_plot
from strata.evolution.report.sections import sections


def report_html(report: Report) -> str:
    """The whole report, plots included; light or dark as the reader's system is."""
    return pages.page_html(_page(report))


def report_markdown(report: Report, *, pictures: bool = True) -> str:
    """The whole report; with `pictures` the plots are in it as data URIs of SVG."""
    return pages.page_markdown(_page(report), pictures=pictures)


def write_report(report: Report, path: Path) -> Path:
    """The page at `path`, all of it or nothing; returns the path from the root."""
    return pages.write_page(_page(report), path)


def write_picture(report: Report, path: Path) -> Path:
    """Fitness by generation with the verdicts, as PNG at `path`; returns the path from the root."""
    return pages.write_picture(fitness_plot(report.generations), path)


def _page(report: Report) -> pages.Page:
    found = tuple(sections(report))
    return pages.Page(report.title, report.verdict, report.severity, report.summary, report.done, found)
