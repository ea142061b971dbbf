"""A report as one HTML file that needs nothing else: no script, no font, no picture from anywhere."""

from collections.abc import Iterator, Sequence
from html import escape

from strata.evolution.report.contents import Report, clean
from strata.evolution.report.sections import Section, sections

_CSS = """
:root { color-scheme: light; }
body { margin: 0; background: #eef1f5; color: #1c2330; font: 15px/1.5 system-ui, "Segoe UI", sans-serif; }
main { max-width: 920px; margin: 0 auto; padding: 32px 24px 48px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 12px; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 0 0 12px; }
section { background: #fbfbfd; border: 1px solid #dfe3ea; border-radius: 10px; padding: 20px 24px; margin-top: 20px; }
.badge { display: inline-block; border-radius: 999px; padding: 2px 12px; margin-right: 8px; font-weight: 600;
  background: #e4e7ee; }
.none { background: #d7ebe3; } .low { background: #d9ecf8; } .medium { background: #fbe8c4; }
.high { background: #f8d9c9; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 600; color: #5b6475; border-bottom: 1px solid #c8ced9; }
th, td { padding: 5px 14px 5px 0; vertical-align: top; }
td { border-bottom: 1px solid #eceff4; overflow-wrap: anywhere; }
.number { padding-right: 26px; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
svg { display: block; margin: 0 0 16px; }
ol { margin: 0; padding-left: 22px; }
.note { color: #5b6475; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def report_html(report: Report) -> str:
    """The whole report, plots included."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    title = _text(report.title)
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{title}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>"
    yield f'<span class="badge">{_text(report.verdict)}</span>'
    yield f'<span class="badge {report.severity}">severity: {report.severity}</span>'
    yield f"<p>{_text(report.summary)}</p>"
    if report.done:
        yield "<section><h2>What was done</h2>\n<ol>"
        yield from (f"<li>{_text(step)}</li>" for step in report.done)
        yield "</ol></section>"
    for section in sections(report):
        yield from _section(section)
    yield "</main>\n</body>\n</html>"


def _section(section: Section) -> Iterator[str]:
    numeric = [column in section.numbers for column in range(len(section.head))]
    yield f"<section><h2>{section.title}</h2>"
    if section.picture is not None:
        yield f'<div class="wide">{section.picture()}</div>'
    yield '<div class="wide"><table>'
    yield f"<thead>{_row('th', section.head, numeric)}</thead>\n<tbody>"
    yield from (_row("td", row, numeric) for row in section.rows)
    yield "</tbody></table></div>"
    if section.left_out:
        yield f'<p class="note">{section.left_out} earlier rows are not shown.</p>'
    yield "</section>"


def _row(tag: str, cells: Sequence[str], numeric: Sequence[bool]) -> str:
    kinds = [' class="number"' if number else "" for number in numeric]
    return f"<tr>{''.join(f'<{tag}{kind}>{_text(cell)}</{tag}>' for cell, kind in zip(cells, kinds, strict=True))}</tr>"


def _text(text: str) -> str:
    return escape(clean(text))
