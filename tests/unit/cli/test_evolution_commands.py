"""`strata evolution` on a real store and a real ledger."""

import json
from pathlib import Path

import pytest

from strata.cli import main
from strata.evolution.lineage import Championship, Family
from strata.evolution.models import open_model
from strata.evolution.rounds.histories import imported_gains
from strata.settings import Settings
from strata.store import GenerationLog, IncidentLog, Store
from tests.support.lineage import FakeMerge, put_files, recipe_of, spoil
from tests.unit.evolution.history import runs

OVERALL = {"difference": 0.004, "low": -0.01, "high": 0.018}
JUDGEMENT = {"verdict": "inconclusive", "affected": [], "overall": OVERALL, "items": 1200, "level": 0.9, "domains": []}
LOW = dict.fromkeys(("coding", "math", "reasoning", "language"), 0.5)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("STRATA_HOME", str(tmp_path))
    monkeypatch.delenv("STRATA_LEDGER_URL", raising=False)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(["evolution", *arguments])
        out, err = capsys.readouterr()
        return stopped.value.code, out, err

    return call


@pytest.fixture
def store(run) -> Store:
    return Store(Settings().store_root)


@pytest.fixture
def line(run, store: Store) -> list[str]:
    """Founders a and b; child-1, champion of generation 1; child-2, which waits for approval."""
    ledger, merge = Settings().ledger, FakeMerge(store)
    models = [put_files(store, text) for text in (b"one" * 50, b"two" * 50)]
    with Family(store, ledger) as family, Championship(store, ledger) as championship, GenerationLog(ledger) as log:
        for name, model in zip("ab", models, strict=True):
            family.add_founder(model, name)
        championship.promote(models[0], expected=None, reason="the first")
        for seed in (1, 2):
            generation = log.begin(championship.standing().digest)
            recipe = recipe_of(models[-2:], seed, method="ties")
            child = merge(recipe)
            family.add_child(child, recipe, generation, f"child-{seed}")
            models.append(child.digest)
            if seed == 1:
                championship.promote(models[2], expected=models[0], reason="better in math", generation=generation)
                log.finish(generation, "promoted", {"candidate": models[2]})
            else:
                championship.propose(
                    models[3], expected=models[2], judgement={"verdict": "inconclusive"}, generation=generation
                )
                store.put_artifact(json.dumps(JUDGEMENT).encode(), "evolution-judgement", str(generation))
                figures = {"candidate": models[3], "founders": {models[0]: LOW, models[1]: LOW | {"math": 0.6}}}
                log.finish(generation, "proposed", figures)
    return models


def test_status_of_nothing(run) -> None:
    assert run("status")[:2] == (0, "champion    none yet\n0 pending, 0 open incidents\n")
    assert json.loads(run("status", "--json")[1]) == {
        "champion": None,
        "generations": [],
        "pending": [],
        "incidents": [],
        "front": [],
    }


def test_status_tells_who_and_why_and_what_waits(run, line) -> None:
    with IncidentLog(Settings().ledger) as log:
        log.begin(pipeline="evolution", kind="drift", subject="math", detail="scores move")
        log.begin(pipeline="mesh", kind="link lost", subject="node-2", detail="silence")
    code, out, _ = run("status")
    assert code == 0
    assert f"champion    child-1 {line[2][:12]}\n" in out
    assert "by promotion of generation 1: better in math\n" in out
    assert "proposed  inconclusive: +0.0040 (-0.0100 to +0.0180, 1,200 items)\n" in out
    assert "front       1 models: b\n" in out
    assert f"child-2 {line[3][:12]}, judged against child-1 {line[2][:12]}\n" in out
    assert "`strata evolution approve 1` or" in out
    assert "1  drift: math: scores move\n1 pending, 1 open incidents\n" in out
    found = json.loads(run("status", "--json")[1])
    assert (found["champion"]["digest"], found["champion"]["name"]) == (line[2], "child-1")
    assert [generation["state"] for generation in found["generations"]] == ["proposed", "promoted"]
    assert found["generations"][0]["gain"] == OVERALL | {"items": 1200}
    assert [(model["digest"], model["scores"]) for model in found["front"]] == [(line[1], LOW | {"math": 0.6})]
    assert [(each["candidate"], each["name"], each["id"]) for each in found["pending"]] == [(line[3], "child-2", 1)]
    assert [incident["kind"] for incident in found["incidents"]] == ["drift"]


def test_lineage_draws_the_tree(run, line) -> None:
    parents = sorted(line[:2])
    names = {line[0]: "a", line[1]: "b"}
    was = {line[0]: ", former champion", line[1]: ""}
    assert run("lineage")[1].splitlines() == [
        f"child-1 {line[2][:12]} (generation 1, ties, champion)",
        f"├─ {names[parents[0]]} {parents[0][:12]} (founder{was[parents[0]]})",
        f"└─ {names[parents[1]]} {parents[1][:12]} (founder{was[parents[1]]})",
        "2 ancestors",
    ]
    assert run("lineage", "child-2", "--depth", "0")[1].startswith(f"child-2 {line[3][:12]} (generation 2, ties) …\n")
    found = json.loads(run("lineage", line[3][:8], "--json")[1])
    assert (found["model"], found["champion"]) == (line[3], line[2])
    assert [model["digest"] for model in found["models"]][:2] == [line[3], line[2]]
    assert {model["method"] for model in found["models"]} == {"ties", None}


def test_approve_and_reject(run, line) -> None:
    code, out, _ = run("approve", "1", "--reason", "looks right")
    assert (code, out) == (0, f"{line[3][:12]} is champion, in the place of {line[2][:12]}\n")
    assert "looks right" in run("status")[1]
    assert json.loads(run("approve", "1", "--json")[1])["champion"]["digest"] == line[3]
    assert run("reject", "1", "--reason", "no") == (2, "", "strata: approval 1 is approved already\n")
    assert run("approve", "7")[2] == "strata: there is no approval 7\n"
    assert run("reject", "1")[0] == 2  # a reason is needed


def test_reject(run, line) -> None:
    assert json.loads(run("reject", "1", "--reason", "no", "--json")[1]) == {"rejected": 1, "reason": "no"}
    assert run("status")[1].endswith("0 pending, 0 open incidents\n")
    assert run("approve", "1")[2] == "strata: approval 1 is rejected already\n"


def test_rollback_to_the_last_good_one_or_a_generation_or_a_name(run, line) -> None:
    code, out, _ = run("rollback", "--dry-run")
    assert (code, "would be champion again" in out) == (0, True)
    code, out, _ = run("rollback", "--reason", "odd answers")
    assert (code, out.startswith(f"a {line[0][:12]} is champion again, in the place of child-1")) == (0, True)
    assert "by rollback: odd answers" in run("status")[1]
    assert run("rollback", "--to", "a")[2] == f"strata: {line[0][:12]} is champion already\n"
    found = json.loads(run("rollback", "--to", "1", "--json")[1])
    assert (found["target"], found["left"], found["dry_run"]) == (line[2], line[0], False)
    assert json.loads(run("rollback", "--to", line[0][:12], "--regressed", "--json")[1])["target"] == line[0]
    assert (
        run("rollback", "--to", "child-2")[2]
        == f"strata: '{line[3]}' was never champion; a rollback goes to a former one\n"
    )
    assert (
        run("rollback", "--to", "nobody")[2] == "strata: 'nobody' was never champion; a rollback goes to a former one\n"
    )


def test_a_rollback_with_nothing_whole_says_what_is_wrong(run, store, line) -> None:
    spoil(store, line[0])
    code, out, err = run("rollback")
    assert (code, out) == (2, "")
    assert "SHA-256 differs" in err
    assert json.loads(run("status", "--json")[1])["champion"]["digest"] == line[2]


def test_lineage_without_a_champion(run) -> None:
    assert run("lineage") == (2, "", "strata: there is no champion yet; name a model\n")


def test_a_page_of_the_evolution_or_of_an_incident(run, line, tmp_path) -> None:
    code, out, _ = run("report")
    page = tmp_path / "reports" / "evolution.html"
    assert (code, out) == (0, f"Evolution: 2 generations: 1 promoted, 1 waiting for a person\n{page}\n")
    assert "child-1" in page.read_text()
    with IncidentLog(Settings().ledger) as log:
        number = log.begin(pipeline="evolution", kind="drift", subject="math", detail="scores move")
    found = json.loads(run("report", "--incident", str(number), "--out", "told.html", "--json")[1])
    assert found == {"title": "Incident 1: drift of math", "verdict": "open", "page": str(tmp_path / "told.html")}
    assert "scores move" in (tmp_path / "told.html").read_text()
    assert run("report", "--incident", "9") == (2, "", "strata: there is no incident 9\n")


def test_a_history_is_imported_and_what_is_impossible_is_named(run, store: Store, tmp_path: Path) -> None:
    fields = runs.run()
    fields["evolution_timeline"][3]["top_models"][0]["fitness"] += 0.1
    file = tmp_path / "history.json"
    file.write_text(json.dumps(fields))
    code, out, _ = run("import", str(file))
    assert code == 0
    assert "impossible  generation entry 3" in out
    assert "learned     dare_ties: " in out
    assert out.splitlines()[-1].startswith("47 of 48 records are learned from")
    told = json.loads(run("import", str(file), "--json")[1])
    assert (told["records"], told["sound"], told["unknown_techniques"]) == (48, 47, [])
    # The same file again is the same knowledge.
    assert dict(imported_gains(store)) == {name: tuple(values) for name, values in told["gains"].items()}
    code, _, err = run("import", str(tmp_path / "nothing.json"))
    assert code != 0
    assert "cannot read" in err


def test_a_past_model_is_rebuilt_into_a_folder(run, line: list[str], store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "again"
    code, out, _ = run("rebuild", "child-1", "--out", str(folder))
    assert (code, out) == (0, f"{line[2][:12]}: its files are whole; it is in {folder}\n")
    assert {file.name for file in folder.iterdir()} == set(open_model(store, line[2]).files)
    told = json.loads(run("rebuild", "child-1", "--json")[1])
    assert told == {"digest": line[2], "merged": [], "folder": None}
    # Nothing is written over, and what cannot be made again is said.
    assert "name another folder" in run("rebuild", "child-1", "--out", str(folder))[2]
    spoil(store, line[0])
    code, _, err = run("rebuild", "child-1", "--afresh")
    assert code != 0
    assert "cannot be made again: founder a" in err
