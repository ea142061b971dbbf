"""What is done about failures, whoever has them. What failed is written down in `strata.store.IncidentLog`.

- `Breaker`: a circuit breaker, so that who fails again and again is not asked again and again; its `State` is closed,
  open or half-open
- `Breakers`: breakers by key, bounded in number
- `triage`: makes cases of incidents, a pure function; `Case`, `CaseState`, `Playbook`
- `Rules`, `read_rules`, `Severity`, `SEVERITIES`: what a case is worth and what explains it, as data; `BadRules`
- `Desk`, `Summary`, `Wanted`: the cases of a ledger as they are now, and decisions about them; `NoSuchCase`,
  `CaseIsResolved`
- `watch`: tells outlets what is new; `Outlet`, the port to them; `Notice`, `OutletFailed`
- `Webhook`, `configured_outlets`: the outlet of the package, and those that the settings name; `BadWebhook`
- `record_failed_run`, `record_completed_run`, `told_runs`: runs of pipelines that fail, as incidents

Members use breakers, and start the quicker for not importing the rest until it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from strata.triage.breaker import Breaker, Breakers, State

if TYPE_CHECKING:
    from strata.triage.case import Case, CaseState, Playbook
    from strata.triage.cases import triage
    from strata.triage.desk import CaseIsResolved, Desk, NoSuchCase, Summary, Wanted
    from strata.triage.notices import Notice, Outlet, OutletFailed
    from strata.triage.outlets import configured_outlets
    from strata.triage.rules import SEVERITIES, BadRules, Rules, Severity, read_rules
    from strata.triage.runs import record_completed_run, record_failed_run, told_runs
    from strata.triage.watching import watch
    from strata.triage.webhook import BadWebhook, Webhook

__all__ = [
    "SEVERITIES",
    "BadRules",
    "BadWebhook",
    "Breaker",
    "Breakers",
    "Case",
    "CaseIsResolved",
    "CaseState",
    "Desk",
    "NoSuchCase",
    "Notice",
    "Outlet",
    "OutletFailed",
    "Playbook",
    "Rules",
    "Severity",
    "State",
    "Summary",
    "Wanted",
    "Webhook",
    "configured_outlets",
    "read_rules",
    "record_completed_run",
    "record_failed_run",
    "told_runs",
    "triage",
    "watch",
]

_MODULES = {
    "BadRules": "rules",
    "BadWebhook": "webhook",
    "Case": "case",
    "CaseIsResolved": "desk",
    "CaseState": "case",
    "Desk": "desk",
    "NoSuchCase": "desk",
    "Notice": "notices",
    "Outlet": "notices",
    "OutletFailed": "notices",
    "Playbook": "case",
    "Rules": "rules",
    "SEVERITIES": "rules",
    "Severity": "rules",
    "Summary": "desk",
    "Wanted": "desk",
    "Webhook": "webhook",
    "configured_outlets": "outlets",
    "read_rules": "rules",
    "record_completed_run": "runs",
    "record_failed_run": "runs",
    "told_runs": "runs",
    "triage": "cases",
    "watch": "watching",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
