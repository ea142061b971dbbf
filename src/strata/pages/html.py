"""A page as one HTML file that needs nothing else: no script, no font, no picture from anywhere."""

from collections.abc import Iterator, Sequence
from html import escape

from strata.pages.contents import MOST_NOTE, MOST_TEXT, Page, Section, clean
from strata.pages.drawing import BLUE, FAINT, INK, NIGHT, PAPER, RULE, themed, variable

_LIGHT = " ".join(f"{variable(colour)}: {colour};" for colour in NIGHT)
_DARK = " ".join(f"{variable(colour)}: {night};" for colour, night in NIGHT.items())
_CSS = f"""
:root {{ color-scheme: light dark; {_LIGHT}
  --ground: #eef1f5; --badge: #e4e7ee; --none: #d7ebe3; --low: #d9ecf8; --medium: #fbe8c4; --high: #f8d9c9; }}
@media (prefers-color-scheme: dark) {{ :root {{ {_DARK}
  --ground: #0d1017; --badge: #2a3140; --none: #17402f; --low: #153a54; --medium: #513a08; --high: #5a2410; }} }}
body {{ margin: 0; background: var(--ground); color: var({variable(INK)}); font: 15px/1.5 system-ui, "Segoe UI",
  sans-serif; }}
main {{ max-width: 920px; margin: 0 auto; padding: 32px 24px 48px; }}
h1 {{ font-size: 26px; line-height: 1.25; margin: 0 0 12px; overflow-wrap: anywhere; }}
h2 {{ font-size: 18px; margin: 0 0 12px; overflow-wrap: anywhere; }}
section {{ background: var({variable(PAPER)}); border: 1px solid var({variable(RULE)}); border-radius: 10px;
  padding: 20px 24px; margin-top: 20px; }}
.badge {{ display: inline-block; border-radius: 999px; padding: 2px 12px; margin-right: 8px; font-weight: 600;
  background: var(--badge); }}
.none {{ background: var(--none); }} .low {{ background: var(--low); }} .medium {{ background: var(--medium); }}
.high {{ background: var(--high); }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; min-width: 580px; }}
th {{ text-align: left; font-weight: 600; color: var({variable(FAINT)});
  border-bottom: 1px solid var({variable(FAINT)}); }}
th, td {{ padding: 5px 14px 5px 0; vertical-align: top; }}
th {{ vertical-align: bottom; }}
td {{ border-bottom: 1px solid var({variable(RULE)}); overflow-wrap: break-word; }}
.number {{ padding-right: 20px; text-align: right; font-variant-numeric: tabular-nums; }}
td.number {{ white-space: nowrap; }}
svg {{ display: block; margin: 0 0 16px; width: 100%; min-width: 580px; height: auto; }}
ol {{ margin: 0; padding-left: 22px; }}
.note {{ color: var({variable(FAINT)}); max-width: 46em; margin: 0 0 14px; font-size: 14px; }}
:focus-visible {{ outline: 2px solid var({variable(BLUE)}); }}
@media (max-width: 600px) {{ main {{ padding: 20px 12px 32px; }} section {{ padding: 16px 14px; }}
  h1 {{ font-size: 22px; }} table {{ font-size: 14px; }} }}
@media print {{ body {{ background: none; }} section {{ break-inside: avoid; }} }}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page_html(page: Page) -> str:
    """The whole page, pictures included; light or dark as the reader's system is."""
    return "\n".join(_lines(page)) + "\n"


def _lines(page: Page) -> Iterator[str]:
    title = _text(page.title)
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{title}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>"
    yield f'<span class="badge">{_text(page.verdict)}</span>'
    if page.severity != "none":
        yield f'<span class="badge {page.severity}">severity: {page.severity}</span>'
    yield f"<p>{_text(page.summary)}</p>"
    if page.done:
        yield "<section><h2>What was done</h2>\n<ol>"
        yield from (f"<li>{_text(step)}</li>" for step in page.done)
        yield "</ol></section>"
    for section in page.sections:
        yield from _section(section)
    yield "</main>\n</body>\n</html>"


def _section(section: Section) -> Iterator[str]:
    numeric = [column in section.numbers for column in range(len(section.head))]
    yield f"<section><h2>{_text(section.title)}</h2>"
    if section.note:
        yield f'<p class="note">{_text(section.note, MOST_NOTE)}</p>'
    if section.picture is not None:
        yield f'<div class="wide" tabindex="0">{themed(section.picture.svg())}</div>'
    yield '<div class="wide" tabindex="0"><table>'
    yield f"<thead>{_row('th', section.head, numeric)}</thead>\n<tbody>"
    yield from (_row("td", row, numeric) for row in section.rows)
    yield "</tbody></table></div>"
    if section.left_out:
        yield f'<p class="note">{section.left_out} other rows are not shown.</p>'
    yield "</section>"


def _row(tag: str, cells: Sequence[str], numeric: Sequence[bool]) -> str:
    kinds = [' class="number"' if number else "" for number in numeric]
    return f"<tr>{''.join(f'<{tag}{kind}>{_text(cell)}</{tag}>' for cell, kind in zip(cells, kinds, strict=True))}</tr>"


def _text(text: str, most: int = MOST_TEXT) -> str:
    return escape(clean(text, most))
