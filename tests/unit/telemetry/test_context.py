"""Which texts are traceparents, against the examples of W3C Trace Context and against OpenTelemetry's own reading."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from strata.telemetry import inherited, is_traceparent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEX = st.text("0123456789abcdef", min_size=0, max_size=40)
NEAR = st.tuples(
    st.sampled_from(["00", "01", "ff", "0"]),
    st.one_of(HEX, st.sampled_from([TRACE, "0" * 32, TRACE.upper(), TRACE[1:]])),
    st.one_of(HEX, st.sampled_from([SPAN, "0" * 16, SPAN + "0"])),
    st.sampled_from(["00", "01", "03", "0", "zz"]),
).map("-".join)


def _opentelemetrys(text: str) -> bool:
    found = TraceContextTextMapPropagator().extract({"traceparent": text}, Context())
    return trace.get_current_span(found).get_span_context().is_valid


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", True),
        (f"00-{'0' * 32}-{SPAN}-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{TRACE.upper()}-{SPAN}-01", False),
        (f"ff-{TRACE}-{SPAN}-01", False),
        (f"00-{TRACE}-{SPAN}-01-more", False),
        (f"00-{TRACE}-{SPAN}-01\n", False),
        ("", False),
    ],
)
def test_what_is_a_traceparent(text: str, is_one: bool) -> None:
    assert is_traceparent(text) is is_one


@given(st.one_of(NEAR, st.text(max_size=60)))
def test_what_is_taken_opentelemetry_takes_too(text: str) -> None:
    assert not is_traceparent(text) or _opentelemetrys(text)


def test_a_process_knows_the_span_of_who_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRACEPARENT", raising=False)
    assert inherited() is None
    monkeypatch.setenv("TRACEPARENT", f"00-{TRACE}-{SPAN}-01")
    assert inherited() == f"00-{TRACE}-{SPAN}-01"
    monkeypatch.setenv("TRACEPARENT", "; rm -rf /")
    assert inherited() is None
