"""Pages for people, as one HTML file and as markdown, with pictures.

Public face:

- `Page`, `Section`, `section`, `Severity`: what a page is made of; `clean`: a text of anybody's on one line
- `page_html`: a file that needs nothing else; `page_markdown`: what an artifact of a Prefect run shows
- `write_page`, `write_picture`: as files
- `Picture`, `panel`, and the colours of `drawing`: a plot that is drawn when it is shown

The same page gives the same bytes, so long as matplotlib is the same. It is imported with the first plot.
"""

from strata.pages.contents import Page, Section, Severity, clean, section
from strata.pages.drawing import (
    BLUE,
    EDGE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    PAPER,
    RULE,
    SKY,
    VERMILION,
    Picture,
    panel,
)
from strata.pages.files import write_page, write_picture
from strata.pages.html import page_html
from strata.pages.markdown import page_markdown

__all__ = [
    "BLUE",
    "EDGE",
    "FAINT",
    "GREEN",
    "INK",
    "ORANGE",
    "PAPER",
    "RULE",
    "SKY",
    "VERMILION",
    "Page",
    "Picture",
    "Section",
    "Severity",
    "clean",
    "page_html",
    "page_markdown",
    "panel",
    "section",
    "write_page",
    "write_picture",
]
