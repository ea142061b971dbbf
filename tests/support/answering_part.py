"""A part for tests of the supervisor: answers GETs at a port as a file says, and ends at once where there is none.

Run as `python -m tests.support.answering_part PORT FILE`; the file holds the status to answer with.
"""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

PORT, SAYS = int(sys.argv[1]), Path(sys.argv[2])


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(int(SAYS.read_text()))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: what it prints are its last words."""


if __name__ == "__main__":
    if not SAYS.exists():
        raise SystemExit("there is nothing to say")
    HTTPServer(("127.0.0.1", PORT), _Handler).serve_forever()
