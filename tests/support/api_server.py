"""The API as a process, over work in threads and a fake fleet: `python -m tests.support.api_server HOME`.

It prints one line of JSON (its URL) when it answers, and ends on SIGTERM.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from strata.api import Context, Limits, create_app, serve
from strata.settings import Settings
from strata.store import Ledger, TokenLog

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def api_process(home: Path, *command: str, **environment: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The URL of a process that answers HTTP (default: this module), and the process; ended with the block."""
    command = command or ("tests.support.api_server", str(home))
    given = os.environ | {"STRATA_HOME": str(home)} | environment
    home.mkdir(parents=True, exist_ok=True)
    with (home / "api.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=ROOT, env=given, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (home / "api.log").read_text()
        yield json.loads(line)["url"], process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


def token_of(home: Path, *scopes: str) -> dict[str, str]:
    """The headers of a caller with a new token of these scopes; all where none is named."""
    settings = Settings(STRATA_HOME=home, STRATA_LEDGER_URL=None)
    with TokenLog(settings.ledger) as log:
        secret = log.create("tester", scopes or ("read", "infer", "operate"))[1]  # type: ignore[arg-type]
    return {"Authorization": f"Bearer {secret}"}


def main() -> None:
    """Serve."""
    import trio

    from deployments.local_work import LocalWork, Running
    from tests.support.api_fakes import FakeFleet

    def ask(running: Running) -> str:
        return f"approved: {running.ask('may it become champion?').approve}"

    def done(running: Running) -> str:
        return f"{len(running.parameters)} parameters"

    names = ("inference", "mesh", "migration", "pretraining", "rollback", "watch", "evolution-on-checkpoint", "health")
    pipelines: dict[str, Any] = dict.fromkeys(names, done) | {"evolution": ask}
    settings = Settings(STRATA_HOME=Path(sys.argv[1]), STRATA_LEDGER_URL=None)
    limits = Limits(**json.loads(os.environ.get("API_LIMITS", "{}")))

    async def run() -> None:
        with Ledger(settings.ledger) as ledger, LocalWork(pipelines) as work:  # type: ignore[arg-type]
            app = create_app(Context(settings, ledger, work, FakeFleet()), limits)
            stop = trio.Event()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(serve_until, app, stop)
                with trio.open_signal_receiver(signal.SIGTERM) as signals:
                    async for _ in signals:
                        stop.set()
                        break

    async def serve_until(app: Any, stop: trio.Event) -> None:
        await serve(app, "127.0.0.1", 0, stop=stop, ready=lambda url: print(json.dumps({"url": url}), flush=True))

    trio.run(run)


if __name__ == "__main__":
    main()
