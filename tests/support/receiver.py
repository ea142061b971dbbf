"""A webhook's receiver on a loopback socket, which verifies what it is sent, and may refuse it at first."""

import json
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from hmac import new as new_hmac
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any

SECRET = "whsec_" + b64encode(bytes(range(32))).decode()
PATIENCE = 60.0


@dataclass
class Receiver:
    """refusals: statuses that the next requests are answered with. taken: bodies answered with 204, by delivery id."""

    url: str = ""
    refusals: list[int] = field(default_factory=list)
    taken: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    asked: int = 0
    forged: int = 0
    changed: Condition = field(default_factory=Condition)

    def wait(self, what: Callable[["Receiver"], bool]) -> None:
        """Until that holds."""
        with self.changed:
            assert self.changed.wait_for(lambda: what(self), PATIENCE), self

    @property
    def times(self) -> Counter[str]:
        """How often each delivery was taken."""
        return Counter(delivery for delivery, _ in self.taken)

    def answer(self, delivery: str, stamp: str, signature: str, body: bytes) -> int:
        """The status for a request."""
        with self.changed:
            self.asked += 1
            try:
                if not compare_digest(signature, _signature(delivery, stamp, body)):
                    self.forged += 1
                    return 401
                if self.refusals:
                    return self.refusals.pop(0)
                self.taken.append((delivery, json.loads(body)))
                return 204
            finally:
                self.changed.notify_all()


@contextmanager
def receiving(*refusals: int) -> Iterator[Receiver]:
    """A receiver that answers for the length of the block."""
    receiver = Receiver(refusals=list(refusals))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            names = ("webhook-id", "webhook-timestamp", "webhook-signature")
            status = receiver.answer(*(self.headers[name] for name in names), body)
            self.send_response(status)
            if status // 100 == 3:
                self.send_header("Location", f"{receiver.url}/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


def _signature(delivery: str, stamp: str, body: bytes) -> str:
    key = b64decode(SECRET.removeprefix("whsec_"))
    signed = f"{delivery}.{stamp}.".encode() + body
    return "v1," + b64encode(new_hmac(key, signed, sha256).digest()).decode()
