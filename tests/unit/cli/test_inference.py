"""`strata generate` and `strata node` from the outside."""

import json
from pathlib import Path

import pytest

from strata.cli import main
from strata.cli.options import parse_size
from strata.errors import StrataError
from strata.inference.protocol.messages import MAX_DRAFTS


def _run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    return exit_.value.code


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRATA_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("text", "size"), [("500", 500), ("500M", 500 << 20), ("2g", 2 << 30), ("1.5GiB", 3 << 29), ("64 KB", 64 << 10)]
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "M", "many", "-1", "0", "1e30", "nan", "inf"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(StrataError, match="not a size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generate", "smollm2", "--nodes", "2"], "give a --prompt"),
        (["generate", "no-such-model", "--nodes", "2", "--prompt", "x"], "no model 'no-such-model'"),
        (["generate", "smollm2", "--nodes", "2", "--prompt", "x", "--top-p", "0"], "top_p"),
        (["generate", "smollm2", "--nodes", "2", "--mesh", "m", "--prompt", "x"], "not both"),
        (["generate", "smollm2", "--nodes", "2", "--prompt-file", "/no/such/file"], "cannot read"),
        (["node", "--home", "h", "--mesh", "m", "--listen", "nowhere"], "HOST:PORT"),
        (["node", "--home", "h", "--mesh", "m"], "identity"),
        (["inference", "memory", "--mesh", "/no/such/mesh"], "/no/such/mesh"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_as_many_drafts_may_be_asked_for_as_a_step_takes(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["generate", "no-such-model", "--nodes", "2", "--prompt", "x", "--speculate"]
    for drafts, message in ((MAX_DRAFTS, "no model"), (MAX_DRAFTS + 1, f"less than or equal to {MAX_DRAFTS}")):
        assert _run(*arguments, str(drafts)) == 2
        assert message in capsys.readouterr().err


def test_without_sharding_it_answers_in_this_process(
    smollm2: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DISTRIBUTED_INFERENCE_SHARDING_ENABLED", "false")
    arguments = ["generate", str(smollm2), "--prompt", "The capital of France is", "--raw", "--max-new-tokens", "4"]
    assert _run(*arguments, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert len(result["token_ids"][0]) == 4
    assert "Paris" in result["text"][0]
    (stage,) = result["stages"]
    assert stage["layers"] == [0, 29]
    assert {"node", "peak_rss_bytes", "baseline_rss_bytes", "weight_bytes", "bytes_sent", "bytes_received"} <= set(
        stage
    )
    assert result["seconds_to_first_token"] > 0
    assert result["seconds_per_token"] > 0


@pytest.mark.parametrize("arguments", [[], ["--front"]])
def test_a_node_is_a_front_where_it_is_asked_to_be(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    asked = []
    monkeypatch.setattr(
        "strata.inference.node.daemon.run_node", lambda *_, **options: asked.append(options["fronting"])
    )
    _run("node", "--home", "h", "--mesh", "m", *arguments)
    assert asked == [bool(arguments)]
