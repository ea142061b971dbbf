"""The rules, by name: how imports are written, what they may reach, and how strongly modules may hang together."""

from collections.abc import Mapping

from strata.migration.check.rules import broken, cycle, kinds, private, star, style
from strata.migration.check.violation import Rule

RULES: Mapping[str, Rule] = {
    rule.name: rule for rule in (style.RULE, star.RULE, private.RULE, broken.RULE, cycle.RULE, *kinds.RULES)
}
