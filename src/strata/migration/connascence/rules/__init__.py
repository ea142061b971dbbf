"""One rule for each kind of connascence, weakest first; each carries examples, which are its tests."""

from collections.abc import Mapping

from strata.migration.connascence.finding import Kind, Rule
from strata.migration.connascence.rules import (
    algorithm,
    execution,
    identity,
    meaning,
    name,
    position,
    type,
    value,
)

RULES: Mapping[Kind, Rule] = {
    module.RULE.kind: module.RULE for module in (name, type, meaning, position, algorithm, execution, value, identity)
}
