import io

import pytest
from rich.console import Console

from strata.inference import AnswerStream
from tasks import terminal


@pytest.fixture
def written(monkeypatch):
    buffer = io.StringIO()
    monkeypatch.setattr(terminal, "console", Console(file=buffer, width=100))
    return buffer


def test_the_first_answer_is_written_as_it_comes(written):
    stream = AnswerStream(terminal.console, ["Why?"])
    stream.start()
    assert not stream.emitted
    stream(0, "Be")
    assert written.getvalue().endswith("Be")
    assert stream.emitted
    stream(0, "cause [bold]it[/bold] is.")
    stream.finish()
    assert written.getvalue() == "\nWhy?\nBecause [bold]it[/bold] is.\n"


def test_answers_of_a_batch_do_not_mix(written):
    stream = AnswerStream(terminal.console, ["one [x]", "two"])
    stream.start()
    for row, piece in [(0, "a"), (1, "x"), (0, "b"), (1, "y")]:
        stream(row, piece)
    stream.finish()
    assert written.getvalue() == "\none [x]\nab\n\ntwo\nxy\n"


def test_a_quiet_console_writes_nothing(written):
    terminal.console.quiet = True
    stream = AnswerStream(terminal.console, ["Why?"])
    stream.start()
    stream(0, "Because.")
    stream.finish()
    assert written.getvalue() == ""
