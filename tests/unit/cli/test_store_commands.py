"""`strata store` on a real folder."""

import json
import os
from pathlib import Path

import pytest

from strata.cli import main
from strata.settings import Settings
from strata.store import Ledger, Store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("STRATA_HOME", str(tmp_path))
    for name in ("STRATA_LEDGER_URL", "STRATA_STORE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return Store(tmp_path / "store")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):
    def call(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as stopped:
            main(["store", *arguments])
        return stopped.value.code, capsys.readouterr().out

    return call


def old(store: Store, data: bytes) -> str:
    digest = store.put(data)
    os.utime(store.layout.blob(digest), (0, 0))
    return digest


def test_list(store: Store, run) -> None:
    ref = store.put_artifact(b"12345", "model", "best")
    code, out = run("list", "--json")
    assert (code, json.loads(out)) == (
        0,
        {"refs": [{"digest": ref.digest, "kind": "model", "name": "best", "bytes": 5}]},
    )
    code, out = run("list")
    assert code == 0
    assert out.splitlines()[0].split() == ["model", "best", "5", ref.digest]
    assert out.splitlines()[1:] == ["1 artifacts"]


def test_gc_spares_what_a_pointer_stands_or_stood_for(store: Store, run) -> None:
    champion, former, loose = (old(store, data) for data in (b"champion", b"former", b"loose"))
    with Ledger(Settings().ledger) as ledger:
        ledger.move("champion", former, expected=None)
        ledger.move("champion", champion, expected=former)
    code, out = run("gc", "--dry-run", "--json")
    assert (code, json.loads(out)["removed"], store.has(loose)) == (0, [loose], True)
    code, out = run("gc")
    assert (code, store.has(loose), store.has(champion), store.has(former)) == (0, False, True, True)
    assert out == f"{loose}\nremoved 1 blobs and 0 leftovers, 5 bytes; 2 blobs stay\n"
    assert json.loads(run("gc", "--json")[1])["bytes_freed"] == 0


def test_gc_leaves_young_blobs_unless_told_otherwise(store: Store, run) -> None:
    digest = store.put(b"young")
    assert run("gc")[1] == "removed 0 blobs and 0 leftovers, 0 bytes; 1 blobs stay\n"
    assert run("gc", "--grace", "0")[1].startswith(digest)


def test_verify_exits_1_and_names_what_is_wrong(store: Store, run) -> None:
    digest = store.put_artifact(b"sound", "k", "sound").digest
    assert run("verify") == (0, "1 blobs, 5 bytes: 0 corrupt, 0 missing\n")
    store.layout.blob(digest).write_bytes(b"rotten")
    assert run("verify") == (1, f"corrupt {digest}\n1 blobs, 6 bytes: 1 corrupt, 0 missing\n")
    store.layout.blob(digest).unlink()
    code, out = run("verify", "--json")
    assert (code, json.loads(out)["missing"], json.loads(out)["sound"]) == (1, [digest], False)
    assert "missing" in run("verify")[1]


def test_list_says_which_blob_is_missing(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    digest = store.put_artifact(b"gone", "k", "gone").digest
    store.layout.blob(digest).unlink()
    with pytest.raises(SystemExit) as stopped:
        main(["store", "list"])
    assert stopped.value.code == 2
    assert digest in capsys.readouterr().err


def test_status_says_what_is_here(store: Store, run) -> None:
    store.put_artifact(b"12345", "model", "best")
    code, out = run("status", "--json")
    here = {"where": str(store.layout.root), "blobs": 1, "bytes": 5, "refs": 1, "arriving": 0}
    assert (code, json.loads(out)) == (0, {"here": here, "shared": None, "only_here": [0, 0], "only_there": [0, 0]})
    assert run("status")[1].split() == ["here", "1", "blobs", "5", "bytes", "1", "names", str(store.layout.root)]


def test_a_store_becomes_one_that_machines_share(
    store: Store, run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = store.put_artifact(b"12345", "model", "best").digest
    with pytest.raises(SystemExit):
        main(["store", "push"])
    monkeypatch.setenv("STRATA_STORE_URL", f"file://{tmp_path}/share")
    assert json.loads(run("list", "--json")[1]) == {"refs": []}
    assert run("status")[1].splitlines()[-2:] == ["only here: 1 blobs, 5 bytes", "only shared: 0 blobs, 0 bytes"]
    assert run("push") == (0, "put 1 blobs, 5 bytes, under 1 names\n")
    assert json.loads(run("push", "--json")[1])["blobs"] == 0
    assert [row["digest"] for row in json.loads(run("list", "--json")[1])["refs"]] == [digest]
    assert json.loads(run("status", "--json")[1])["shared"]["where"] == f"file://{tmp_path}/share"
    assert run("verify")[0] == 0


def test_a_place_that_cannot_be_used_is_told_in_one_line(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRATA_STORE_URL", "s3://key:secret@bucket/x")
    with pytest.raises(SystemExit) as stopped:
        main(["store", "status"])
    told = capsys.readouterr().err
    assert (stopped.value.code, told.count("\n"), "secret" in told) == (2, 1, False)
