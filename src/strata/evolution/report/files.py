"""Reports as files that can be opened, beside the store."""

from pathlib import Path

from strata.evolution.report.contents import Report
from strata.evolution.report.fitness_plot import fitness_plot
from strata.evolution.report.page import report_html
from strata.files import make_folder, write


def write_report(report: Report, path: Path) -> Path:
    """The page at `path`, all of it or nothing; returns the path from the root."""
    make_folder(path.parent)
    write(path, report_html(report).encode())
    return path.absolute()


def write_picture(report: Report, path: Path) -> Path:
    """Fitness by generation with the verdicts, as PNG at `path`; returns the path from the root."""
    make_folder(path.parent)
    write(path, fitness_plot(report.generations).png())
    return path.absolute()
