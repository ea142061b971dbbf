"""Rounds and incidents as markdown and as one HTML file, with plots.

Public face:

- `Report` and what it is made of: `DomainResult`, `GenerationResult`, `Relative`; `relatives`: a family by the ledger
- `report_markdown`, `report_html`; single plots as SVG: `difference_plot`, `fitness_plot`, `family_plot`

The same report gives the same bytes, so long as matplotlib is the same. It is imported with the first plot.
"""

from strata.evolution.report.contents import DomainResult, GenerationResult, Relative, Report
from strata.evolution.report.family_plot import family_plot
from strata.evolution.report.markdown import report_markdown
from strata.evolution.report.page import report_html
from strata.evolution.report.plots import difference_plot, fitness_plot
from strata.evolution.report.roles import relatives

__all__ = [
    "DomainResult",
    "GenerationResult",
    "Relative",
    "Report",
    "difference_plot",
    "family_plot",
    "fitness_plot",
    "relatives",
    "report_html",
    "report_markdown",
]
