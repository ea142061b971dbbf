"""A ledger whose disk is full: a LedgerError that says so, nothing half written, and on it goes when there is room."""

import pytest
from sqlalchemy import event

from strata.store import IncidentLog, LedgerError


def limit_pages(log: IncidentLog, pages: int) -> None:
    """Have SQLite take the database for full at so many pages (it then says SQLITE_FULL, as with a full disk)."""
    engine = log._engine
    engine.dispose()
    event.listen(engine, "connect", lambda connection, _: connection.execute(f"PRAGMA max_page_count={pages}"))


def begin_many(log: IncidentLog, count: int) -> None:
    for _ in range(count):
        log.begin(pipeline="p", kind="k", subject="s", detail="d" * 10_000)


def test_a_full_disk_is_told_as_what_it_is(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    with IncidentLog(url) as log:
        limit_pages(log, 1)  # less than there are: no more are given
        with pytest.raises(LedgerError, match="the ledger does not work: database or disk is full"):
            begin_many(log, 100)
        before = log.recent("p", 1000)
    with IncidentLog(url) as log:
        assert log.recent("p", 1000) == before
        begin_many(log, 1)
        assert len(log.recent("p", 1000)) == len(before) + 1
