"""What is done about failures, whoever has them. What failed is written down in `strata.store.IncidentLog`.

- `Breakers`: circuit breakers by name, so that who fails again and again is not asked again and again.
"""

from strata.triage.breaker import Breakers

__all__ = ["Breakers"]
