"""Failures of stages, as incidents that people may have decided about meanwhile."""

from pathlib import Path

from strata.inference.run.errors import StageFailed
from strata.inference.run.incidents import RecordedFailures
from strata.store import IncidentLog
from strata.triage import Desk


def test_what_a_person_has_resolved_meanwhile_ends_no_generation(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    with IncidentLog(url) as log, Desk(url) as desk:
        failures = RecordedFailures(log)
        for end in (lambda key: failures.recovered(key, "moved", 0.5), lambda key: failures.gave_up(key, "no node")):
            key = failures.failed(StageFailed("node-3", (0, 3), "its link ended"))
            number = desk.cases()[0].id
            desk.resolve(number, "Ada", "known")
            end(key)
            assert log.find(key).response == "resolved by Ada: known"
