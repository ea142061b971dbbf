"""The HTTP API of this machine: the ledger, the work of a Prefect server, and the fleet, behind one address. Beside it
what is new of incidents is told to Prefect and the webhook, and the nodes' memory is sampled.

Run `python -m deployments.api` with PREFECT_API_URL set to the server's API. It prints one line of JSON when it answers
(its URL), logs to standard error, and ends on SIGTERM or Ctrl-C.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from deployments.no_fleet import NoFleet
from strata.api import Context, Fleet, Limits, create_app, sample, serve
from strata.errors import StrataError
from strata.mesh import end_on_signal
from strata.settings import Settings
from strata.store import Ledger, MemoryLog
from strata.telemetry import exporting
from strata.triage import Desk, configured_outlets, read_rules, watch

PORT = 8410


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to end; returns the exit status: 2 for what the user can mend."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    if not os.environ.get("PREFECT_API_URL"):
        print("Set PREFECT_API_URL to the API of a Prefect server: it does the long work.", file=sys.stderr)
        return 2
    # Who asks over HTTP wants to hear soon that the server does not answer.
    os.environ.setdefault("PREFECT_CLIENT_MAX_RETRIES", "1")
    limits = Limits(given.rate, given.anonymous_rate, given.streams, given.body_bytes)
    try:
        trio.run(_serve, given, limits)
    except (StrataError, OSError, ExceptionGroup) as error:
        leaves = list(_leaves(error))
        if not all(isinstance(leaf, StrataError | OSError) for leaf in leaves):
            raise
        for leaf in leaves:
            print(f"deployments.api: {leaf}", file=sys.stderr)
        return 2
    return 0


def _leaves(error: Exception) -> Iterator[Exception]:
    if isinstance(error, ExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


async def _serve(given: argparse.Namespace, limits: Limits) -> None:
    from deployments.prefect_work import PrefectWork
    from tasks.triage_events import PrefectEvents

    settings = Settings()
    stop = trio.Event()
    outlets = (*configured_outlets(settings), PrefectEvents())
    with Ledger(settings.ledger) as ledger, PrefectWork() as work, exporting("strata-api", settings):
        desk = Desk(ledger, read_rules(settings.triage_rules))
        async with _fleet(settings, given) as fleet, trio.open_nursery() as nursery:
            nursery.start_soon(_stop_on_signal, stop)
            nursery.start_soon(watch, desk, outlets)
            nursery.start_soon(sample, fleet, MemoryLog(ledger))
            app = create_app(Context(settings, ledger, work, fleet), limits)
            await serve(app, given.host, given.port, stop=stop, ready=_announce)
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def _fleet(settings: Settings, given: argparse.Namespace) -> AsyncIterator[Fleet]:
    """The nodes that were named, for as long as the block lasts; they are got ready while the API answers already."""
    if given.mesh is None and given.nodes is None:
        yield NoFleet("no fleet is connected: start the API with --nodes N, or with --mesh FILE")
        return
    from strata.api import open_fleet

    identity = None if given.mesh is None else given.identity or settings.home / "identity.json"
    async with open_fleet(
        settings, model=given.model, mesh=given.mesh, identity=identity, nodes=given.nodes, context=given.context
    ) as fleet:
        yield fleet


async def _stop_on_signal(stop: trio.Event) -> None:
    with trio.CancelScope() as scope:
        await end_on_signal(scope)
    stop.set()


def _announce(url: str) -> None:
    print(json.dumps({"url": url}), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployments.api", description="Answer HTTP: Strata's API.")
    limits = Limits()
    parser.add_argument("--host", default="127.0.0.1", help="where to listen; a front with TLS belongs before others")
    parser.add_argument("--port", type=int, default=PORT, help=f"default: {PORT}; 0: any")
    parser.add_argument("--rate", default=limits.rate, help=f"requests of a token; default: {limits.rate}")
    parser.add_argument(
        "--anonymous-rate",
        default=limits.anonymous_rate,
        help=f"requests of an address without a valid token; default: {limits.anonymous_rate}",
    )
    parser.add_argument("--streams", type=int, default=limits.streams, help="answers that a token may wait for at once")
    parser.add_argument("--body-bytes", type=int, default=limits.body_bytes, help="of a request, at most")
    fleet = parser.add_argument_group("who answers prompts")
    which = fleet.add_mutually_exclusive_group()
    which.add_argument("--nodes", type=int, metavar="N", help="so many nodes, started on this machine")
    which.add_argument("--mesh", type=Path, metavar="FILE", help="the running nodes of this mesh")
    fleet.add_argument("--identity", type=Path, metavar="FILE", help="key of a coordinator; default: of STRATA_HOME")
    fleet.add_argument("--model", default="smollm2", help="folder, .gguf file or name; default: smollm2")
    fleet.add_argument("--context", type=int, default=2048, help="tokens of a prompt and its answer, at most")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
