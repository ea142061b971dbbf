"""What is done about failures, whoever has them. What failed is written down in `strata.store.IncidentLog`.

- `Breaker`: a circuit breaker, so that who fails again and again is not asked again and again; its `State` is closed,
  open or half-open
- `Breakers`: breakers by key, bounded in number
"""

from strata.triage.breaker import Breaker, Breakers, State

__all__ = ["Breaker", "Breakers", "State"]
