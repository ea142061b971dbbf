"""A webhook: each notice as a signed POST, by the Standard Webhooks specification (standardwebhooks.com, 1.0).

The headers are `webhook-id` (the same whenever it is tried again, for the receiver to know it by), `webhook-timestamp`
(seconds) and `webhook-signature`: "v1," and the base64 of HMAC-SHA256 over "ID.TIMESTAMP.BODY". The libraries of the
specification verify that.
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx

from strata.errors import StrataError
from strata.triage.notices import Notice, OutletFailed

PREFIX = "whsec_"
TIMEOUT_SECONDS = 10.0
_SHORTEST, _LONGEST = 24, 64  # bytes of a secret, by the specification


class BadWebhook(StrataError):
    """An address or a secret that no webhook can be made with."""


class Webhook:
    """url: https, or http on this machine. secret: "whsec_" and 24 to 64 bytes in base64. Raises BadWebhook.

    Neither is in any message or log: an address may hold a secret too. Redirects are not followed.
    """

    name = "webhook"

    def __init__(self, url: str, secret: str, *, clock: Callable[[], float] = time.time) -> None:
        self._url, self._key, self._clock = _checked(url), _key(secret), clock

    async def tell(self, notice: Notice) -> None:
        """POST it; it has arrived with an answer of 2xx. Raises OutletFailed."""
        body = json.dumps(notice.to_json(), separators=(",", ":")).encode()
        stamp = str(int(self._clock()))
        headers = {
            "Content-Type": "application/json",
            "webhook-id": notice.delivery,
            "webhook-timestamp": stamp,
            "webhook-signature": sign(self._key, notice.delivery, stamp, body),
        }
        try:
            async with (
                httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False) as client,
                client.stream("POST", self._url, content=body, headers=headers) as answer,
            ):
                status = answer.status_code  # what else it says is not read
        except httpx.HTTPError as error:
            raise OutletFailed(f"the webhook's receiver does not answer: {type(error).__name__}") from error
        if not 200 <= status < 300:
            raise OutletFailed(f"the webhook's receiver answered with status {status}")


def sign(key: bytes, delivery: str, stamp: str, body: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = b".".join((delivery.encode(), stamp.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise BadWebhook("STRATA_TRIAGE_WEBHOOK is not a URL") from None
    if not host or parts.scheme not in ("http", "https") or (parts.scheme == "http" and not _is_loopback(host)):
        raise BadWebhook("STRATA_TRIAGE_WEBHOOK must be a URL with https, or with http to this machine itself")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not _SHORTEST <= len(key) <= _LONGEST:
        raise BadWebhook(
            f'STRATA_TRIAGE_WEBHOOK_SECRET must be "{PREFIX}" and 24 to 64 bytes in base64: '
            f"echo {PREFIX}$(head -c 32 /dev/urandom | base64)"
        )
    return key
