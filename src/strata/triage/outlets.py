"""The outlets that the settings name."""

from strata.settings import Settings
from strata.triage.notices import Outlet
from strata.triage.webhook import BadWebhook, Webhook


def configured_outlets(settings: Settings) -> tuple[Outlet, ...]:
    """The webhook, where there is one. Raises BadWebhook."""
    if settings.triage_webhook is None:
        return ()
    if settings.triage_webhook_secret is None:
        raise BadWebhook("STRATA_TRIAGE_WEBHOOK needs STRATA_TRIAGE_WEBHOOK_SECRET, to sign what it sends")
    url, secret = settings.triage_webhook.get_secret_value(), settings.triage_webhook_secret.get_secret_value()
    return (Webhook(url, secret),)
