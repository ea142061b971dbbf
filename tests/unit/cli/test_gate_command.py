"""`strata gate` on files: exit statuses, what it prints, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest

from strata.cli import main
from strata.evolution.scores import write_scores
from tests.support.pairs import draw, generator, scores

DOMAINS = ("coding", "math", "reasoning", "language")


@pytest.fixture
def files(tmp_path: Path):
    def make(delta, count=1500, name="candidate"):
        random, deltas = generator(1), np.broadcast_to(delta, 4)
        pairs = [each for domain, d in zip(DOMAINS, deltas, strict=True) for each in draw(random, domain, count, d)]
        paths = tmp_path / "baseline.jsonl", tmp_path / f"{name}.jsonl"
        for path, side in zip(paths, scores(pairs), strict=True):
            write_scores(path, side)
        return paths

    return make


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):
    def call(baseline, candidate, *more) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(["gate", "--baseline", str(baseline), "--candidate", str(candidate), *map(str, more)])
        printed = capsys.readouterr()
        return stopped.value.code, printed.out, printed.err

    return call


@pytest.mark.parametrize(
    ("delta", "status", "verdict"),
    [(0.04, 0, "promote"), ([0.02, -0.1, 0.02, 0.02], 3, "regress"), (0.0, 4, "inconclusive")],
)
def test_the_verdict_is_the_exit_status(files, run, delta, status, verdict):
    paths = files(delta)
    code, printed, _ = run(*paths)
    assert code == status
    assert verdict in printed.splitlines()[-2 if status == 4 else -1]
    assert all(domain in printed for domain in DOMAINS)
    code, printed, _ = run(*paths, "--json")
    found = json.loads(printed)
    assert (code, found["verdict"]) == (status, verdict)
    assert [each["domain"] for each in found["domains"]] == list(DOMAINS)
    assert found["affected"] == (["math"] if status == 3 else [])


def test_a_margin_decides(files, run):
    paths = files([0, -0.05, 0, 0])
    assert run(*paths)[0] == 3
    code, printed, _ = run(*paths, "--margin", "math=0.2", "--overall-margin", "1", "--json")
    assert code == 4
    assert [each["margin"] for each in json.loads(printed)["domains"]] == [0.03, 0.2, 0.03, 0.04]


def test_margins_that_shrink_are_told(files, run):
    paths = files(0.0, count=100)
    code, printed, _ = run(*paths, "--margin", "math=0.2")
    assert code == 4
    assert "margins shrank so that no drop of the mean over domains by 0.05 is missed" in printed
    assert "0.133" in printed  # 0.2 of a mean of 0.075
    assert "shrank" not in run(*paths)[1]


def test_an_anchor_prevents_promotion(files, run, tmp_path):
    paths = files(0.04)
    assert run(*paths, "--anchor", paths[1])[0] == 0
    better = tmp_path / "anchor.jsonl"
    better.write_text(paths[1].read_text().replace('"score": 0.0', '"score": 1.0'))
    code, printed, _ = run(*paths, "--anchor", better)
    assert code == 4
    assert "candidate minus anchor" in printed
    assert "dropped by" in printed


def test_a_file_against_itself_is_not_better(files, run):
    baseline, _ = files(0.0)
    code, printed, _ = run(baseline, baseline)
    assert code == 4
    assert "not shown to be better" in printed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:-1], "candidate.jsonl lacks 1 item"),
        (
            lambda lines: [*lines, lines[0]],
            "candidate.jsonl, line 401: item 'item 0' of domain 'coding' is",
        ),
        (lambda lines: lines[:300], "candidate.jsonl lacks domain 'language'"),
        (lambda lines: [*lines, '{"domain": "law", "item": "a", "score": 1}'], "baseline.jsonl lacks domain 'law'"),
        (lambda lines: [*lines, "nonsense"], "candidate.jsonl, line 401"),
        (lambda lines: [], "holds no scores"),
    ],
)
def test_files_that_do_not_match_are_named(files, run, change, message):
    baseline, candidate = files(0.0, count=100)
    candidate.write_text("\n".join(change(candidate.read_text().splitlines())))
    code, printed, error = run(baseline, candidate)
    assert code == 2
    assert message in error
    assert printed == ""


def test_what_is_no_margin_is_refused(files, run):
    paths = files(0.0, count=10)
    assert "write coding=0.03" in run(*paths, "--margin", "math")[2]
    code, _, error = run(*paths, "--margin", "math=-1")
    assert (code, "margin of math" in error) == (2, True)
    assert run(*paths, "--default-margin", "0")[0] == 2
    assert "cannot read" in run(paths[0], paths[0].with_name("none"))[2]
