"""What the page's server answers, and under which headers."""

import base64
import json
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.mesh import Roster
from strata.mesh.page.browsers import standing_question
from strata.mesh.page.http import Request
from strata.mesh.page.site import Site, Where
from strata.secure import BROWSER, Identity, Membership

OWNER, PHONE = Identity.generate(), Identity.generate()
ROSTER = Roster(Membership.found(OWNER).with_member(PHONE.card, "phone", (), (BROWSER,)))
SITE = Site(ROSTER, Where(OWNER.peer_id, 4242))
FILES = ["/", "/app.js", "/style.css", "/icon.svg", "/where"]


def get(target: str, host: str = "10.0.0.7:8080", site: Site = SITE):
    return site.respond(Request("GET", target, host))


def ask(body: bytes, site: Site = SITE):
    return site.respond(Request("POST", "/standing", "10.0.0.7", body))


def question(peer: str = PHONE.peer_id, signer: Identity = PHONE, host: str = OWNER.peer_id, **more) -> bytes:
    signature = base64.urlsafe_b64encode(signer.sign(standing_question(host))).rstrip(b"=").decode()
    return json.dumps({"peer": peer, "signature": signature, **more}).encode()


def connect_to(reply) -> str:
    policy = dict(part.strip().split(" ", 1) for part in reply.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    return policy["connect-src"]


@pytest.mark.parametrize("target", FILES)
def test_each_file_is_served_under_strict_headers(target):
    reply = get(target)
    assert reply.status is HTTPStatus.OK
    assert reply.body
    policy = reply.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert {"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"} <= set(policy.split("; "))
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    assert reply.headers["Cache-Control"] == "no-cache"
    assert "Access-Control-Allow-Origin" not in reply.headers


def test_the_page_has_no_script_or_style_of_its_own():
    page = get("/").body.decode()
    assert page.count("<script") == 1
    assert '<script type="module" src="/app.js"></script>' in page
    assert "<style" not in page
    assert "style=" not in page
    assert "://" not in page


def test_the_page_may_connect_to_the_host_beside_it_and_nowhere_else():
    assert connect_to(get("/", "10.0.0.7:8080")) == "'self' ws://10.0.0.7:4242"
    assert connect_to(get("/", "mesh.example")) == "'self' ws://mesh.example:4242"
    assert connect_to(get("/", "[::1]:8080")) == "'self' ws:"


@pytest.mark.parametrize(
    ("address", "scheme"),
    [
        ("/dns4/m.example/tcp/443/wss", "wss:"),
        ("/dns4/m.example/tcp/443/tls/ws", "wss:"),
        ("/dns4/m.example/tcp/443/tls/sni/m.example/ws", "wss:"),
        ("/dns4/wss.example/tcp/80/ws", "ws:"),
    ],
)
def test_it_may_connect_to_what_stands_before_the_host(address, scheme):
    site = Site(ROSTER, Where(OWNER.peer_id, 4242, address))
    assert connect_to(get("/", site=site)) == f"'self' {scheme}"
    assert json.loads(get("/where", site=site).body)["address"] == address


@pytest.mark.parametrize(
    "host", ["", "a b", "x; script-src *", "x'", "x\r\nSet-Cookie: a", "x/y", "é", "[::1", "a" * 254]
)
def test_a_host_that_is_none_does_not_get_into_the_policy(host):
    reply = get("/", host)
    assert reply.status is HTTPStatus.BAD_REQUEST
    assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'")


@given(st.text(max_size=80).filter(lambda target: target not in {*FILES, "/standing"}))
def test_nothing_else_is_served(target):
    assert get(target).status is HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(("method", "target"), [("POST", "/"), ("PUT", "/where"), ("GET", "/standing")])
def test_other_methods_are_refused(method, target):
    reply = SITE.respond(Request(method, target, "h"))
    assert reply.status is HTTPStatus.METHOD_NOT_ALLOWED
    assert method not in reply.headers["Allow"]


def test_the_page_says_where_the_host_is():
    assert json.loads(get("/where").body) == {
        "peer": OWNER.peer_id,
        "port": 4242,
        "address": None,
        "mesh": ROSTER.membership.mesh_id,
    }


def test_a_peer_learns_its_own_standing():
    assert json.loads(ask(question()).body) == {"standing": "browser"}
    other = Identity.generate()
    assert json.loads(ask(question(other.peer_id, other)).body) == {"standing": "stranger"}


def test_nobody_learns_that_of_another():
    assert ask(question(signer=Identity.generate())).status is HTTPStatus.FORBIDDEN
    assert ask(question(host=PHONE.peer_id)).status is HTTPStatus.FORBIDDEN


@given(st.binary(max_size=200) | st.dictionaries(st.sampled_from(["peer", "signature"]), st.text()).map(json.dumps))
def test_nonsense_is_refused(body):
    reply = ask(body if isinstance(body, bytes) else body.encode())
    assert reply.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN}


def test_a_question_has_nothing_else_in_it():
    assert ask(question(more=1)).status is HTTPStatus.BAD_REQUEST
