"""A page as markdown, such as an artifact of a Prefect run shows."""

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence

from strata.pages.contents import MOST_NOTE, MOST_TEXT, Page, clean

_MARKUP = re.compile(r"([\\`*_\[\]|~$]|(?<=\w):(?=//))")  # anywhere in a line; the last makes links of addresses
_BLOCK = re.compile(r"^(\d*)([#+=.)-])(?=[\s#=-]|$)")  # where a line begins with it


def escape(text: str, most: int = MOST_TEXT) -> str:
    """The text as it is, on one line: nothing in it is markup, or HTML, or a link, of the page that shows it."""
    plain = clean(text, most).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _BLOCK.sub(r"\1\\\2", _MARKUP.sub(r"\\\1", plain))


def page_markdown(page: Page, *, pictures: bool = True) -> str:
    """The whole page; with `pictures` the pictures are in it as data URIs of SVG."""
    return "\n".join(_lines(page, pictures)) + "\n"


def _lines(page: Page, pictures: bool) -> Iterator[str]:
    yield f"# {escape(page.title)}\n"
    severity = "" if page.severity == "none" else f" · **Severity:** {page.severity}"
    yield f"**{escape(page.verdict)}**{severity}\n"
    yield f"{escape(page.summary)}\n"
    if page.done:
        yield "## What was done\n"
        yield from (f"{number}. {escape(step)}" for number, step in enumerate(page.done, start=1))
        yield ""
    for section in page.sections:
        yield f"## {escape(section.title)}\n"
        if section.note:
            yield f"{escape(section.note, MOST_NOTE)}\n"
        if pictures and section.picture is not None:
            data = b64encode(section.picture.svg().encode()).decode()
            yield f"![{section.picture.title}](data:image/svg+xml;base64,{data})\n"
        yield _row([escape(cell) for cell in section.head])
        yield "|" + "---|" * len(section.head)
        yield from (_row([escape(cell) for cell in row]) for row in section.rows)
        yield ""
        if section.left_out:
            yield f"{section.left_out} other rows are not shown.\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
