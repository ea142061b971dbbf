"""Settings: the names operators know, from the environment and `.env`, and an example that lists them all."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from strata.settings import Settings

REPOSITORY = Path(__file__).parents[2]
FLAGS = {
    "ARCHAEOLOGICAL_PHASE_2_ENABLED": "phase_2",
    "ARCHAEOLOGICAL_DISTRIBUTED_INFERENCE": "distributed_inference",
    "DISTRIBUTED_INFERENCE_SHARDING_ENABLED": "inference_sharding",
    "DISTRIBUTED_INFERENCE_CROSS_NODE_OPT": "cross_node_optimiser",
    "ARCHAEOLOGICAL_EVOLUTION_SCHEDULER": "evolution_scheduler",
    "EVOLUTION_REGRESSION_DETECTION": "regression_detection",
    "EVOLUTION_AUTOMATED_ROLLBACK": "automated_rollback",
    "ARCHAEOLOGICAL_LIBP2P_ENHANCED": "libp2p_enhanced",
    "LIBP2P_MESH_RELIABILITY": "mesh_reliability",
    "LIBP2P_PERFORMANCE_OPT": "mesh_performance",
    "ARCHAEOLOGICAL_IMPORT_STANDARDIZATION": "import_standardization",
    "PYTHON_COUPLING_ANALYSIS": "coupling_analysis",
}
OFF = {"STRATA_REQUIRE_ECH": "require_ech"}
VALUES = {
    "DISTRIBUTED_INFERENCE_CROSS_NODE_OPT_PERCENT": "cross_node_optimiser_percent",
    "LIBP2P_PERFORMANCE_OPT_PERCENT": "mesh_performance_percent",
    "ARCHAEOLOGICAL_PHASE_2_VERSION": "phase_2_version",
    "STRATA_HOME": "home",
    "STRATA_LEDGER_URL": "ledger_url",
    "STRATA_TRIAGE_RULES": "triage_rules",
    "STRATA_STORE_URL": "store_url",
    "STRATA_RAY_ADDRESS": "ray_address",
    "STRATA_UPLINK_BYTES_PER_SECOND": "uplink_bytes_per_second",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "otlp_endpoint",
}
SECRETS = {
    "STRATA_TRIAGE_WEBHOOK": "triage_webhook",
    "STRATA_TRIAGE_WEBHOOK_SECRET": "triage_webhook_secret",
}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*FLAGS, *OFF, *VALUES, *SECRETS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_these_are_all_the_names() -> None:
    assert {field.alias: name for name, field in Settings.model_fields.items()} == FLAGS | OFF | VALUES | SECRETS


def test_the_example_lists_exactly_these_names_each_with_its_line() -> None:
    lines = [line for line in (REPOSITORY / ".env.example").read_text().splitlines()[1:] if line]
    listed = {}
    for comment, entry in zip(lines[::2], lines[1::2], strict=True):
        name, _, value = entry.removeprefix("# ").partition("=")
        listed[name] = (comment.removeprefix("# "), value)
    for field in Settings.model_fields.values():
        default = "" if field.default is None else str(field.default)
        assert listed.pop(field.alias) == (field.description, default.lower() if field.annotation is bool else default)
    assert not listed


def test_the_example_as_it_stands_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text((REPOSITORY / ".env.example").read_text())
    assert Settings() == Settings(_env_file=None)


@pytest.mark.parametrize(("name", "field"), (FLAGS | OFF).items())
@pytest.mark.parametrize(("text", "value"), [("false", False), ("0", False), ("off", False), ("1", True)])
def test_each_flag_is_read_from_the_environment_and_from_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, field: str, text: str, value: bool
) -> None:
    assert getattr(Settings(), field) is (name in FLAGS)
    (tmp_path / ".env").write_text(f"{name}={text}\n")
    assert getattr(Settings(), field) is value
    monkeypatch.setenv(name, str(not value))
    assert getattr(Settings(), field) is not value, "the environment wins"


@pytest.mark.parametrize(("name", "field"), VALUES.items())
def test_each_value_is_read_from_the_environment_and_from_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, field: str
) -> None:
    numbers = {"_PER_SECOND": ("1.5", "2.5"), "_PERCENT": ("20", "0")}
    texts = (numbers[ending] for ending in numbers if name.endswith(ending))
    file, environment = next(texts, ("file", "environment"))
    (tmp_path / ".env").write_text(f"{name}={file}\n")
    assert str(getattr(Settings(), field)) == file
    monkeypatch.setenv(name, environment)
    assert str(getattr(Settings(), field)) == environment


@pytest.mark.parametrize(("name", "field"), SECRETS.items())
def test_a_secret_is_read_and_not_shown(monkeypatch: pytest.MonkeyPatch, name: str, field: str) -> None:
    monkeypatch.setenv(name, "whisper")
    assert getattr(Settings(), field).get_secret_value() == "whisper"
    assert "whisper" not in repr(Settings())


def test_what_is_neither_on_nor_off_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBP2P_MESH_RELIABILITY", "perhaps")
    with pytest.raises(ValidationError, match="LIBP2P_MESH_RELIABILITY"):
        Settings()


@pytest.mark.parametrize("percent", ["-1", "101", "half"])
def test_what_is_no_percentage_is_refused(monkeypatch: pytest.MonkeyPatch, percent: str) -> None:
    monkeypatch.setenv("LIBP2P_PERFORMANCE_OPT_PERCENT", percent)
    with pytest.raises(ValidationError, match="LIBP2P_PERFORMANCE_OPT_PERCENT"):
        Settings()


def test_the_environments_other_names_mean_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    monkeypatch.setenv("PHASE_2", "off")
    assert (Settings().home, Settings().phase_2) == (Path(".strata"), True)


def test_store_and_ledger_lie_in_the_home_unless_the_ledger_has_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(STRATA_HOME="/data")
    assert (settings.store_root, settings.ledger) == (Path("/data/store"), "sqlite:////data/ledger.sqlite")
    assert Settings(STRATA_LEDGER_URL="postgresql://host/db").ledger == "postgresql://host/db"


@pytest.mark.parametrize("module", ["strata", "strata.settings", "strata.store", "strata.cli", "strata.secure"])
def test_importing_the_library_loads_neither_prefect_nor_torch(module: str) -> None:
    code = f"import {module}, sys; print(*sorted(set(sys.modules) & {{'prefect', 'torch', 'transformers'}}))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == ""


def test_the_lock_names_versions_and_nothing_of_the_machine_it_was_made_on() -> None:
    lines = (REPOSITORY / "requirements.lock").read_text().splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][0-9A-Za-z.]*", line) for line in lines)
    assert "torch==2.13.0" in lines
