"""Which URLs stand for a place, and what is said of those that do not. No message has a secret in it."""

import os
import re
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from strata.settings import Settings
from strata.store import RemoteError, Store, open_store, store_at
from strata.store.remote import open_remote
from tests.support import s3 as s3_server

PASSWORD = "correct-horse"
REPOSITORY = Path(__file__).parents[4]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("bucket/prefix", "write one like s3://bucket/prefix"),
        ("s3://", "write one like s3://bucket/prefix"),
        ("file://", "write one like s3://bucket/prefix"),
        ("nosuch://bucket", "nosuch://bucket cannot be used"),
        ("file://server/share", "mounted first"),
        (f"s3://key:{PASSWORD}@bucket/prefix", "a store at bucket has a password"),
        (f"s3://bucket/prefix?token={PASSWORD}", "query"),
        (f"s3://bucket/prefix#{PASSWORD}", "fragment"),
        ("http://127.0.0.1/store", "cannot"),
    ],
)
def test_other_urls_are_refused(url: str, said: str) -> None:
    with pytest.raises(RemoteError, match=said) as caught:
        open_remote(url)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


def test_a_folder_is_made_with_its_first_file(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/a%20b/store"
    assert open_remote(url) is open_remote(url)
    assert (tmp_path / "a b" / "store" / "strata-store.json").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RemoteError, match=f"in the store at file://{tmp_path}/file/store: .*; see that the folder"):
        open_remote(f"file://{tmp_path}/file/store")


def test_memory_is_a_place_for_tests() -> None:
    store = store_at(Path("unused"), "memory://test-opening")
    assert (store.url, store.has("0" * 64)) == ("memory://test-opening", False)


def test_a_bucket_that_is_not_there_is_no_empty_store(s3: str) -> None:
    with pytest.raises(RemoteError, match="s3://no-such-bucket/prefix: the bucket or folder is not there") as caught:
        open_remote("s3://no-such-bucket/prefix")
    assert s3_server.SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_server_that_does_not_answer_is_named_and_no_secret_is(tmp_path: Path) -> None:
    pytest.importorskip("s3fs", reason="NOT TESTED: s3fs is not installed")
    code = "from strata.store.remote import open_remote; open_remote('s3://bucket/prefix')"
    environment = os.environ | s3_server.environment("http://127.0.0.1:9") | {"AWS_MAX_ATTEMPTS": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert "s3://bucket/prefix" in done.stderr
    assert "see that STRATA_STORE_URL is right" in done.stderr
    assert s3_server.SECRET not in done.stderr


def test_without_a_url_the_store_is_this_machines_and_nothing_more_is_loaded(tmp_path: Path) -> None:
    assert type(open_store(Settings(STRATA_HOME=tmp_path))) is Store
    assert type(open_store(Settings(STRATA_HOME=tmp_path, STRATA_STORE_URL=""))) is Store
    code = (
        "import sys; from strata.settings import Settings; from strata.store import open_store\n"
        f"open_store(Settings(STRATA_HOME={str(tmp_path)!r})).put(b'x')\n"
        "print(*sorted(set(sys.modules) & {'fsspec', 's3fs', 'botocore', 'strata.store.shared', 'sqlalchemy'}))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "STRATA_STORE_URL"}
    assert subprocess.check_output([sys.executable, "-c", code], text=True, env=environment).strip() == ""


def test_the_settings_name_the_place(tmp_path: Path) -> None:
    home = Settings(STRATA_HOME=tmp_path / "home", STRATA_STORE_URL=f"file://{tmp_path}/share")
    store = open_store(home)
    assert (store.url, store.layout.root) == (f"file://{tmp_path}/share", tmp_path / "home" / "store")


def test_everybody_opens_the_store_that_the_settings_name() -> None:
    """Who opened the folder of STRATA_HOME by itself would see, and write, what no other machine does."""
    wrong = re.compile(r"\bStore\([^()]*(\(\))?\.store_root\)")
    files = [file for room in ("src", "flows", "tasks", "deployments") for file in (REPOSITORY / room).rglob("*.py")]
    assert len(files) > 100
    assert [str(file) for file in files if wrong.search(file.read_text())] == []
