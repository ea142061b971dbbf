"""Rounds and incidents as markdown and as one HTML file, with plots.

Public face:

- `evolution_report`, `incident_report`: of a store and an open ledger, and of nothing else; `latest_incident`
- `Chronicle`: what they are told from: generations, front, family; `COMPARISON`: where the champion's comparison lies
- `Report` and what it is made of: `Comparison`, `DomainResult`, `Difference`, `GenerationResult`, `FrontModel`,
  `Relative`, `FailedChild`, `Happening`; `relatives`: a family by the ledger; `roles_of`: who is or was champion
- `report_markdown`, `report_html`; as files: `write_report`, `write_picture`
- single plots, a `Picture` each: `difference_plot`, `fitness_plot`, `front_plot`, `family_plot`
- `fitness_chart`: fitness by generation in characters, for a terminal

The same report gives the same bytes, so long as matplotlib is the same. It is imported with the first plot.
"""

from strata.evolution.report.chart import fitness_chart
from strata.evolution.report.chronicle import Chronicle
from strata.evolution.report.contents import (
    Comparison,
    Difference,
    DomainResult,
    FailedChild,
    FrontModel,
    GenerationResult,
    Happening,
    Relative,
    Report,
)
from strata.evolution.report.difference_plot import difference_plot
from strata.evolution.report.evolution import COMPARISON, evolution_report
from strata.evolution.report.family_plot import family_plot
from strata.evolution.report.files import report_html, report_markdown, write_picture, write_report
from strata.evolution.report.fitness_plot import fitness_plot
from strata.evolution.report.front_plot import front_plot
from strata.evolution.report.incident import incident_report, latest_incident
from strata.evolution.report.roles import relatives, roles_of
from strata.pages import Picture

__all__ = [
    "COMPARISON",
    "Chronicle",
    "Comparison",
    "Difference",
    "DomainResult",
    "FailedChild",
    "FrontModel",
    "GenerationResult",
    "Happening",
    "Picture",
    "Relative",
    "Report",
    "difference_plot",
    "evolution_report",
    "family_plot",
    "fitness_chart",
    "fitness_plot",
    "front_plot",
    "incident_report",
    "latest_incident",
    "relatives",
    "report_html",
    "report_markdown",
    "roles_of",
    "write_picture",
    "write_report",
]
