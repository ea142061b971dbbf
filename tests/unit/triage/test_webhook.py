"""The webhook: whom it dials, what it signs, and that it tells no secrets. A real receiver is in tests/interop."""

import base64

import pytest

from strata.settings import Settings
from strata.triage import BadWebhook, Webhook, configured_outlets
from strata.triage.webhook import PREFIX, sign

SECRET = PREFIX + base64.b64encode(bytes(range(32))).decode()


def test_it_signs_as_the_specification_does() -> None:
    """The example of the Standard Webhooks specification's libraries (standardwebhooks.com)."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "url", ["https://example.org/x", "http://127.0.0.1:9/x", "http://[::1]:9/", "http://localhost"]
)
def test_https_and_this_machine_are_taken(url: str) -> None:
    Webhook(url, SECRET)


@pytest.mark.parametrize(
    "url",
    ["http://example.org/hush", "http://127.0.0.1.example.org/hush", "http://10.0.0.1/hush", "ftp://example.org/hush",
     "https:///hush", "hush", "https://[hush", "http://127.0.0.1:port/hush", ""],
)  # fmt: skip
def test_anything_else_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(BadWebhook, match="STRATA_TRIAGE_WEBHOOK") as refused:
        Webhook(url, SECRET)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("secret", ["", "hush", PREFIX, PREFIX + "hush", PREFIX + "aHVzaA==", SECRET + "!", SECRET[6:]])
def test_a_secret_that_is_none_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(BadWebhook, match="STRATA_TRIAGE_WEBHOOK_SECRET must be") as refused:
        Webhook("https://example.org", secret)
    assert "hush" not in str(refused.value)


def test_the_settings_name_it() -> None:
    assert configured_outlets(Settings(_env_file=None)) == ()
    where = {"STRATA_TRIAGE_WEBHOOK": "https://example.org/x"}
    (outlet,) = configured_outlets(Settings(**where, STRATA_TRIAGE_WEBHOOK_SECRET=SECRET))
    assert outlet.name == "webhook"
    with pytest.raises(BadWebhook, match="needs STRATA_TRIAGE_WEBHOOK_SECRET"):
        configured_outlets(Settings(**where))
