"""What is asked of a migration, besides its plan; kept with the plan, so that it is resumed as it was begun."""

import json
import sys
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from strata.migration.dynamic import Limits
from strata.migration.run.plan import BadPlan, MigrationPlan


@dataclass(frozen=True)
class Order:
    """static_only: run nothing of the project. allow_dirty: change files with uncommitted changes too.

    tests: run the project's tests at the end. test_command: what runs them, `{tests}` in it are files. python: the
    project's interpreter; one in a folder `.venv` or `venv` of the tree if not given, else this one.
    """

    static_only: bool = False
    allow_dirty: bool = False
    tests: bool = True
    test_command: str | None = None
    python: str | None = None
    limits: Limits = field(default_factory=Limits)
    suite_seconds: float = 3600

    def interpreter(self, root: Path) -> str:
        """The project's."""
        own = [root / name / "bin" / "python" for name in (".venv", "venv")]
        return self.python or next((str(path) for path in own if path.exists()), sys.executable)


def to_blob(plan: MigrationPlan, order: Order) -> bytes:
    """What the journal keeps."""
    return json.dumps({"plan": plan.to_json(), "order": asdict(order)}, sort_keys=True).encode()


def from_blob(data: bytes) -> tuple[MigrationPlan, Order]:
    """Inverse of `to_blob`. Raises BadPlan for what a newer release wrote."""
    found: dict[str, Any] = json.loads(data)
    order = found["order"]
    if set(order) != {each.name for each in fields(Order)}:
        raise BadPlan("the open migration was begun by another release; roll it back, or go on with that one")
    return MigrationPlan.from_json(json.dumps(found["plan"])), Order(**order | {"limits": Limits(**order["limits"])})
