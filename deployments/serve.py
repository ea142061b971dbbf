"""Everything on one machine: Prefect's server and user interface, the deployments, a worker, and the HTTP API.

`python -m deployments.serve --help` says how to run it; `make serve` runs it with nothing changed.
"""

import argparse
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deployments import parts
from deployments.alone import CannotServe, alone, free_port
from deployments.bootstrap import POOL, ROOT
from deployments.parts import Part
from deployments.prefect_api import PrefectApi, ServerSilent
from deployments.reconcile import Reconciled, close_lines, offer_again, settle_runs
from deployments.runs import finish_runs
from deployments.supervise import POLL_SECONDS, Supervisor
from deployments.untold import tell_failures
from strata.errors import StrataError
from strata.settings import Settings
from strata.store import LedgerError

UI_PORT, API_PORT = 4200, 8410
NODES = 2
CLOSE_SECONDS = 30.0  # between two looks for runs whose process is gone, or that nobody told of
BOOTSTRAP_SECONDS = 300.0


@dataclass(frozen=True)
class Options:
    """What may be chosen. grace: seconds that runs are given to end when serving ends, before they are cancelled.

    fleet: arguments of the API that say who answers prompts.
    """

    ui_port: int
    api_port: int | None
    fleet: tuple[str, ...]
    grace: float
    as_json: bool

    @property
    def ui(self) -> str:
        """Where Prefect's user interface is."""
        return f"http://127.0.0.1:{self.ui_port}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM; returns the exit status."""
    options = parse(arguments)
    settings = Settings()
    settings.home = settings.home.absolute()
    try:
        with alone(settings.home, options.ui, {"--ui-port": options.ui_port, "--api-port": options.api_port}):
            return Serving(options, settings).run()
    except StrataError as error:
        print(f"serve: {error}", file=sys.stderr)
        return 1


def parse(arguments: Sequence[str] | None = None) -> Options:
    """The command line; ends the process for `--help` and wrong arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m deployments.serve",
        description="Serve everything on this machine, on loopback: Prefect's server and user interface, every "
        "deployment of prefect.yaml, a worker, and Strata's HTTP API. What dies is started again.",
        epilog="Ctrl-C ends it in order: runs first (a second Ctrl-C does not wait for them), then the worker, the API "
        "and the server. Exits with 0 then, with 1 where something cannot be started, with 2 for a wrong argument.",
    )
    parser.add_argument(
        "--ui-port", type=_port, default=UI_PORT, metavar="N", help=f"of Prefect's server and UI (default: {UI_PORT})"
    )
    parser.add_argument(
        "--api-port", type=_port, default=API_PORT, metavar="N", help=f"of Strata's API (default: {API_PORT})"
    )
    parser.add_argument("--no-api", action="store_true", help="leave Strata's API out")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--nodes", type=int, default=NODES, metavar="N", help=f"that answer prompts, here (default: {NODES}; 0: none)"
    )
    which.add_argument("--mesh", metavar="FILE", help="instead: the running nodes of this mesh")
    parser.add_argument("--identity", metavar="FILE", help="with --mesh: a coordinator's key; default: of STRATA_HOME")
    parser.add_argument("--model", default="smollm2", help="folder, .gguf file or name (default: smollm2)")
    parser.add_argument(
        "--grace",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="that runs are given to end by themselves when serving ends; then they are cancelled (default: 10)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object when all is up, and nothing else")
    given = parser.parse_args(arguments)
    if not given.no_api and given.api_port == given.ui_port:
        parser.error("--ui-port and --api-port are the same")
    api_port = None if given.no_api else given.api_port
    return Options(given.ui_port, api_port, _fleet(given), given.grace, given.json)


def _fleet(given: argparse.Namespace) -> tuple[str, ...]:
    model = ("--model", given.model)
    if given.mesh is not None:
        identity = () if given.identity is None else ("--identity", given.identity)
        return ("--mesh", given.mesh, *identity, *model)
    return ("--nodes", str(given.nodes), *model) if given.nodes else ()


class Serving:
    """One life of what is served."""

    def __init__(self, options: Options, settings: Settings) -> None:
        self._options, self._settings = options, settings
        self._server = PrefectApi(f"{options.ui}/api")
        self._environment = parts.environment(settings.home, self._server.url)
        self._worker = f"serve-{socket.gethostname()}"
        self._stops = 0
        self._logs = settings.home / "logs"
        self._supervisor = Supervisor(
            self._environment,
            self._logs,
            settings.ledger,
            say=self._say,
            before=self._before,
            stopping=lambda: self._stops > 0,
        )

    def run(self) -> int:
        """Start everything, keep it up, end it in order."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        Path(self._environment["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)
        try:
            self._start()
            if not self._stops:
                self._tell()
                self._keep_up()
        finally:
            self._end()
        return 0

    def _start(self) -> None:
        options = self._options
        self._begin(parts.server(options.ui_port), "Prefect's server")
        if not self._stops:
            self._say("Registering the deployments")
            self._bootstrap()
        if not self._stops:
            self._report(settle_runs(self._server, self._settings, POOL, self._worker))
            self._begin(parts.worker(self._worker, free_port()), "the worker")
        if not self._stops and options.api_port is not None:
            self._begin(parts.api(options.api_port, options.fleet), "the API")

    def _begin(self, part: Part, what: str) -> None:
        self._say(f"Starting {what}")
        self._supervisor.start(part)

    def _bootstrap(self) -> None:
        command = [sys.executable, "-m", "deployments.part", "0", "deployments.bootstrap"]
        log = self._logs / "bootstrap.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command, cwd=ROOT, env=self._environment, stdin=subprocess.PIPE, stdout=stream, stderr=stream,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + BOOTSTRAP_SECONDS
        while process.poll() is None and time.monotonic() < deadline and not self._stops:
            time.sleep(0.1)
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.returncode != 0 and not self._stops:
            raise CannotServe(f"the deployments could not be registered; see {log}")

    def _keep_up(self) -> None:
        looked = time.monotonic()
        while not self._stops:
            self._supervisor.look()
            if time.monotonic() - looked > CLOSE_SECONDS:
                looked = time.monotonic()
                with suppress(ServerSilent, LedgerError):  # the next look will do
                    self._report(close_lines(self._server, self._settings))
                    self._report(offer_again(self._server, POOL))
                    for name in tell_failures(self._server, self._settings, POOL):
                        self._say(f"Run {name} has failed, and nobody could say so: an incident tells of it now")
            time.sleep(POLL_SECONDS)

    def _before(self, part: Part) -> None:
        """Before a worker is started again its runs have ended, and are told so."""
        if part.name == "worker":
            self._report(settle_runs(self._server, self._settings, POOL, self._worker))

    def _end(self) -> None:
        self._say("Stopping")
        if "worker" in self._supervisor.processes:
            finish_runs(
                self._server,
                POOL,
                self._worker,
                self._options.grace,
                say=self._say,
                hurried=lambda: self._stops > 1,
            )
        for name in ("worker", "api", "server"):
            self._supervisor.end(name)
        self._say("Stopped")

    def _report(self, found: Reconciled) -> None:
        for name in found.crashed:
            self._say(f"Run {name} has crashed: its process is gone")
        for name in found.rescheduled:
            self._say(f"Run {name} had not begun, and is scheduled anew")

    def _tell(self) -> None:
        options = self._options
        api = None if options.api_port is None else f"http://127.0.0.1:{options.api_port}"
        if options.as_json:
            told = {"ui": options.ui, "api": api, "prefect_api": self._server.url, "home": str(self._settings.home)}
            print(json.dumps(told | {"processes": dict(self._supervisor.processes)}), flush=True)
            return
        self._say(f"\nPrefect's user interface  {options.ui}")
        if api is not None:
            self._say(f"Strata's API              {api}/v1/models")
            self._say("A token for it            strata api token create NAME --scope infer --scope read")
        self._say(f"From another terminal     export PREFECT_API_URL={self._server.url}")
        self._say(f"Logs                      {self._logs}\n\nCtrl-C ends it.")

    def _say(self, sentence: str) -> None:
        if not self._options.as_json:
            print(sentence, flush=True)

    def _stop(self, number: int, frame: object) -> None:
        self._stops += 1


def _port(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65535")
    return number


if __name__ == "__main__":
    raise SystemExit(main())
