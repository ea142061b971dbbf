"""`strata rollout status | set | history` on a real ledger."""

import json
from getpass import getuser

import pytest

from strata.rollout import Measured, Part, note, trial_of
from strata.settings import Settings

SET = ("rollout", "set", "cross-node-optimiser")


@pytest.fixture(autouse=True)
def _no_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields.values():
        monkeypatch.delenv(str(field.alias), raising=False)


def test_by_default_it_says_that_there_is_nothing_to_compare(strata) -> None:
    status, output, _ = strata("rollout", "status")
    assert status == 0
    assert "cross-node-optimiser: 100 % of the work, by default" in output
    assert output.count("nothing is compared: all work is alike") == 2


def test_a_share_is_set_with_its_reason_and_kept(strata) -> None:
    assert strata(*SET, "20", "--reason", "a first try")[1] == "cross-node-optimiser: 20 % of the work from now on\n"
    strata(*SET, "50", "--reason", "it is good")
    _, output, _ = strata("rollout", "history")
    newest, older, count = output.splitlines()
    assert f"cross-node-optimiser: 50 % by {getuser()}: it is good" in newest
    assert ("20 %" in older, count) == (True, "2 changes")
    (only,) = json.loads(strata("rollout", "history", "--limit", "1", "--json")[1])["history"]
    assert (only["part"], only["percent"], only["reason"]) == ("cross-node-optimiser", 50, "it is good")
    assert strata("rollout", "history", "--part", "enhanced-transport")[1] == "0 changes\n"


def test_what_is_measured_is_shown_and_so_is_the_retreat(strata) -> None:
    strata(*SET, "50", "--reason", "a try", "--json")
    settings = Settings()
    trial = trial_of(Part.OPTIMISER, settings)
    draws = [trial.draw(f"run-{number}") for number in range(200)]
    measured = [Measured(draw, "work", 3.0 if draw.enabled else 2.0) for draw in draws]
    assert note(settings, measured[:10]) == ()
    shown = json.loads(strata("rollout", "status", "--json")[1])["parts"]["cross-node-optimiser"]
    assert (shown["percent"], shown["compares"], shown["setting"]["by"]) == (50, True, getuser())
    assert sum(shown["measured"].values()) == 10
    assert shown["window"]["ratio"] == pytest.approx(1.5)
    assert "evidence" in strata("rollout", "status")[1]
    note(settings, measured[10:])
    _, output, _ = strata("rollout", "status")
    assert "cross-node-optimiser: 0 % of the work, by automatic" in output
    assert "slower under rollout" in strata("incidents")[1]
    strata(*SET, "10", "--reason", "mended")
    assert "(resolved, set to 10 % by" in strata("incidents")[1]


def test_a_switched_off_part_is_told_of(strata, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBP2P_PERFORMANCE_OPT", "false")
    assert "switched off: LIBP2P_PERFORMANCE_OPT=false" in strata("rollout", "status")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("set", "nothing", "5", "--reason", "x"), "there is no part 'nothing': it is cross-node-optimiser or"),
        (("set", "enhanced-transport", "101", "--reason", "x"), "100"),
        (("set", "enhanced-transport", "5"), "--reason"),
        (("set", "enhanced-transport", "5", "--reason", ""), "a percentage from 0 to 100 and a reason"),
        (("history", "--part", "nothing"), "there is no part 'nothing'"),
    ],
)
def test_what_is_wrong_is_said(strata, arguments: tuple[str, ...], message: str) -> None:
    status, _, errors = strata("rollout", *arguments)
    assert status == 2
    assert message in errors
