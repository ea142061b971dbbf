"""Answers under way, found again by those who go on with them."""

import pytest

from strata.store import AnswerLog, InvalidName, LedgerError

REQUEST = {"prompts": [[1, 2, 3]], "model": "m"}


def test_an_answer_is_taken_up_where_it_was_saved(any_url: str) -> None:
    with AnswerLog(any_url) as log:
        assert log.begin("a", REQUEST).tokens == []
        log.save("a", [[5, 6], [7]], finished=False)
    with AnswerLog(any_url) as log:
        record = log.begin("a", REQUEST)
        assert (record.tokens, record.finished) == ([[5, 6], [7]], False)
        log.save("a", [[5, 6, 8], [7]], finished=True)
        assert [(record.name, record.finished) for record in log.recent()] == [("a", True)]
        log.forget("a")
        assert log.find("a") is None


def test_a_name_stands_for_one_request(any_url: str) -> None:
    with AnswerLog(any_url) as log:
        log.begin("a", REQUEST)
        with pytest.raises(LedgerError, match="another request"):
            log.begin("a", {"prompts": [[9]], "model": "m"})


def test_what_was_never_begun_cannot_be_saved(any_url: str) -> None:
    with AnswerLog(any_url) as log:
        with pytest.raises(LedgerError, match="no answer 'b'"):
            log.save("b", [], finished=False)
        with pytest.raises(InvalidName):
            log.begin("../b", REQUEST)
