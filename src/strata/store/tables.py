"""Tables of the ledger."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time: timezone-aware in Python, UTC in the database (SQLite keeps no offset)."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC, without the offset."""
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Put the offset back."""
        return value and value.replace(tzinfo=UTC)


metadata = MetaData()

ledger_version = Table("ledger_version", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("pipeline", String(128), nullable=False, index=True),
    Column("version", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("started", UtcDateTime, nullable=False),
    Column("finished", UtcDateTime),
    Column("figures", JSON, nullable=False),
)

pointers = Table(
    "pointers",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("revision", Integer, nullable=False),
)

moves = Table(
    "moves",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(128), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("previous", String(64)),
    Column("moved", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=False),
    UniqueConstraint("name", "revision"),
)


incidents = Table(
    "incidents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("pipeline", String(128), nullable=False, index=True),
    Column("kind", String(128), nullable=False),
    Column("subject", String(512), nullable=False),
    Column("detail", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("started", UtcDateTime, nullable=False),
    Column("ended", UtcDateTime),
    Column("response", Text, nullable=False),
    Column("figures", JSON, nullable=False),
    Index("incidents_by_end", "state", "ended"),
    Index("incidents_of_subject", "pipeline", "kind", "subject", "ended"),
)

answers = Table(
    "answers",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("request", JSON, nullable=False),
    Column("tokens", JSON, nullable=False),
    Column("finished", Boolean, nullable=False),
    Column("changed", UtcDateTime, nullable=False),
)

generations = Table(
    "generations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("started", UtcDateTime, nullable=False),
    Column("finished", UtcDateTime),
    Column("state", String(16), nullable=False),
    Column("champion", String(64)),
    Column("strategy", String(64)),
    Column("figures", JSON, nullable=False),
)

models = Table(
    "models",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("name", String(256), nullable=False),
    Column("generation", Integer, index=True),
    Column("recipe", String(64)),
    Column("seed", BigInteger),
    Column("made_with", String(256), nullable=False),
    Column("parents", JSON, nullable=False),
    Column("added", UtcDateTime, nullable=False),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("generation", Integer),
    Column("candidate", String(64), nullable=False),
    Column("champion", String(64)),
    Column("judgement", JSON, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("proposed", UtcDateTime, nullable=False),
    Column("decided", UtcDateTime),
    Column("decided_by", String(128), nullable=False),
    Column("reason", Text, nullable=False),
)

# Why the champion's pointer moved; the move itself, with its reason, is in `moves` under the same name and revision.
changes = Table(
    "changes",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("generation", Integer),
    Column("judgement", String(64)),
    Column("figures", JSON, nullable=False),
)

# `lock` is the SHA-256 of the tree's path while the migration is open: a tree has one open migration at most.
migrations = Table(
    "migrations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("tree", Text, nullable=False),
    Column("tree_digest", String(64), nullable=False, index=True),
    Column("lock", String(64), unique=True),
    Column("strategy", String(64), nullable=False),
    Column("plan", String(64)),
    Column("state", String(16), nullable=False),
    Column("started", UtcDateTime, nullable=False),
    Column("finished", UtcDateTime),
    Column("figures", JSON, nullable=False),
)

migration_steps = Table(
    "migration_steps",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("migration", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("code", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("pack", String(64)),
    Index("migration_steps_of", "migration", "state"),
)

migration_files = Table(
    "migration_files",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("step", Integer, nullable=False, index=True),
    Column("path", Text, nullable=False),
    Column("before", String(64)),
    Column("after", String(64)),
    Column("mode", Integer, nullable=False),
    Column("made", JSON, nullable=False),
    Column("state", String(16), nullable=False),
)

# Bearer tokens of the HTTP API: the SHA-256 of each, never the token; its 256 random bits need no slow hash.
tokens = Table(
    "tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(128), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("scopes", JSON, nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("expires", UtcDateTime),
    Column("revoked", UtcDateTime),
)

# What people said of a case, which is named by the first of its incidents.
case_decisions = Table(
    "case_decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("case", Integer, nullable=False, index=True),
    Column("state", String(16), nullable=False),
    Column("by", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided", UtcDateTime, nullable=False),
)

# What was told of a case, through which outlet: the same is not told twice.
case_notices = Table(
    "case_notices",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("case", Integer, nullable=False),
    Column("outlet", String(128), nullable=False),
    Column("what", String(64), nullable=False),
    Column("told", UtcDateTime, nullable=False),
    UniqueConstraint("case", "outlet", "what"),
)

# One sample of a node's account, in bytes, with the rest that it says of itself in `figures`.
memory_samples = Table(
    "memory_samples",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("node", String(256), nullable=False),
    Column("taken", UtcDateTime, nullable=False),
    Column("budget", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False),
    Column("figures", JSON, nullable=False),
    Index("memory_samples_of", "node", "taken"),
)

# The share of the work that a part which is being rolled out gets, and why it was changed; the newest row counts.
rollouts = Table(
    "rollouts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("part", String(128), nullable=False, index=True),
    Column("percent", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", String(128), nullable=False),
    Column("changed", UtcDateTime, nullable=False),
)

# What one piece of work (`unit`) measured under a row of `rollouts`, with the part and without it, to be compared with
# others of the same subject.
rollout_samples = Table(
    "rollout_samples",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("part", String(128), nullable=False),
    Column("setting", Integer, nullable=False, index=True),
    Column("unit", String(256), nullable=False),
    Column("subject", String(512), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("value", Float, nullable=False),
    Column("taken", UtcDateTime, nullable=False),
)
