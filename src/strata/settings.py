"""Feature flags and settings, read from the environment and from `.env` in the working directory.

The flags keep the names that operators already use, so they carry no `STRATA_` prefix.
"""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Everything that can be switched or configured from outside; the environment wins over `.env`."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore")

    phase_2: bool = Field(True, alias="ARCHAEOLOGICAL_PHASE_2_ENABLED", description="Master switch of all pipelines")
    phase_2_version: str = Field(
        "1", alias="ARCHAEOLOGICAL_PHASE_2_VERSION", description="Version tag written into every run's record"
    )
    distributed_inference: bool = Field(
        True, alias="ARCHAEOLOGICAL_DISTRIBUTED_INFERENCE", description="The inference pipeline"
    )
    inference_sharding: bool = Field(
        True,
        alias="DISTRIBUTED_INFERENCE_SHARDING_ENABLED",
        description="Shard over several nodes; off runs the model in one local process",
    )
    cross_node_optimiser: bool = Field(
        True,
        alias="DISTRIBUTED_INFERENCE_CROSS_NODE_OPT",
        description="Place layers by measured nodes and links; off splits them in proportion to memory",
    )
    cross_node_optimiser_percent: int = Field(
        100,
        ge=0,
        le=100,
        alias="DISTRIBUTED_INFERENCE_CROSS_NODE_OPT_PERCENT",
        description="Share of runs that get the optimiser, until `strata rollout set` says another; in percent",
    )
    evolution_scheduler: bool = Field(
        True, alias="ARCHAEOLOGICAL_EVOLUTION_SCHEDULER", description="The evolution pipeline's schedule"
    )
    regression_detection: bool = Field(
        True, alias="EVOLUTION_REGRESSION_DETECTION", description="The statistical gate before a promotion"
    )
    automated_rollback: bool = Field(
        True, alias="EVOLUTION_AUTOMATED_ROLLBACK", description="Roll a regressed champion back without asking"
    )
    libp2p_enhanced: bool = Field(True, alias="ARCHAEOLOGICAL_LIBP2P_ENHANCED", description="The mesh pipeline")
    mesh_reliability: bool = Field(
        True, alias="LIBP2P_MESH_RELIABILITY", description="Mend the mesh; off only watches it"
    )
    mesh_performance: bool = Field(
        True,
        alias="LIBP2P_PERFORMANCE_OPT",
        description="Message joining and the direct bulk path; off sends each message alone, over libp2p where it can",
    )
    mesh_performance_percent: int = Field(
        100,
        ge=0,
        le=100,
        alias="LIBP2P_PERFORMANCE_OPT_PERCENT",
        description="Share of a sweep's connections that get them, until `strata rollout set` says another; in percent",
    )
    import_standardization: bool = Field(
        True, alias="ARCHAEOLOGICAL_IMPORT_STANDARDIZATION", description="The migration pipeline"
    )
    coupling_analysis: bool = Field(
        True, alias="PYTHON_COUPLING_ANALYSIS", description="Coupling and connascence analysis"
    )

    home: Path = Field(
        Path(".strata"), alias="STRATA_HOME", description="Where the store, the ledger, keys and node data live"
    )
    ledger_url: str | None = Field(
        None,
        alias="STRATA_LEDGER_URL",
        description="URL of the ledger, e.g. postgresql+psycopg://user@host/db; default: SQLite in STRATA_HOME",
    )
    store_url: str | None = Field(
        None,
        alias="STRATA_STORE_URL",
        description="URL of a store that several machines share, e.g. s3://bucket/prefix or file:///mounted/folder; "
        "default: the one in STRATA_HOME alone",
    )

    ray_address: str | None = Field(
        None,
        alias="STRATA_RAY_ADDRESS",
        description="Ray cluster on which evolution merges and examines models: local, auto, HOST:PORT or "
        "ray://HOST:PORT; default: this machine, without Ray",
    )

    require_ech: bool = Field(
        False,
        alias="STRATA_REQUIRE_ECH",
        description="Dial only with hellos that hide whom they are for; never a member whose ECH config is not known",
    )

    uplink_bytes_per_second: float | None = Field(
        None,
        gt=0,
        alias="STRATA_UPLINK_BYTES_PER_SECOND",
        description="What a process may send to other members in all; its classes share it, control goes first; "
        "default: no limit",
    )

    triage_rules: Path | None = Field(
        None,
        alias="STRATA_TRIAGE_RULES",
        description="A TOML file of rules for incidents, laid over those of the package",
    )
    triage_webhook: SecretStr | None = Field(
        None,
        alias="STRATA_TRIAGE_WEBHOOK",
        description="URL to which new incidents are posted, with https, or http to this machine itself",
    )
    triage_webhook_secret: SecretStr | None = Field(
        None,
        alias="STRATA_TRIAGE_WEBHOOK_SECRET",
        description="What the webhook signs with: whsec_ and 24 to 64 random bytes in base64",
    )
    otlp_endpoint: str | None = Field(
        None,
        alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="Collector that traces go to, by OTLP over HTTP, e.g. http://localhost:4318; default: no traces",
    )

    @property
    def store_root(self) -> Path:
        """Folder of the content-addressed store, or of this machine's copies of a shared one."""
        return self.home / "store"

    @property
    def ledger(self) -> str:
        """SQLAlchemy URL of the ledger."""
        return self.ledger_url or f"sqlite:///{self.home / 'ledger.sqlite'}"
