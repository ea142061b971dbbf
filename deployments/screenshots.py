"""Pictures of Prefect's user interface for the documentation, taken by a headless Chromium.

Run `python -m deployments.screenshots` beside `make serve`, with PREFECT_API_URL set, after a run of each pipeline that
is to be shown. It writes `docs/pictures`.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from deployments.bootstrap import ROOT
from strata.errors import StrataError

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
SIZE = (1280, 900)
PATIENCE_SECONDS = 120.0
SETTLED_MILLISECONDS = 15_000  # of the page's own clock, which does not wait
FORM = "inference"


class NoPicture(StrataError):
    """A picture could not be taken."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the pictures; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deployments.screenshots", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures", help="folder (default: docs/pictures)")
    out = parser.parse_args(arguments).out
    api = os.environ.get("PREFECT_API_URL")
    if not api:
        print("Set PREFECT_API_URL to the server's API, as `make serve` says it.", file=sys.stderr)
        return 2
    out.mkdir(parents=True, exist_ok=True)
    try:
        for name, path in pages():
            take(f"{api.removesuffix('/api')}/{path}", out / f"{name}.png")
            print(out / f"{name}.png")
    except StrataError as error:
        print(f"screenshots: {error}", file=sys.stderr)
        return 1
    return 0


def pages() -> Iterator[tuple[str, str]]:
    """(name, path) of each page: the deployments, a run form, and the latest completed run of each pipeline."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.sorting import FlowRunSort

    yield "deployments", "deployments"
    with get_client(sync_client=True) as client:
        form = client.read_deployment_by_name(f"{FORM}/{FORM}")
        yield f"{FORM}-form", f"deployments/deployment/{form.id}/run"
        for deployment in client.read_deployments():
            done = FlowRunFilter.model_validate(
                {"deployment_id": {"any_": [deployment.id]}, "state": {"name": {"any_": ["Completed"]}}}
            )
            for run in client.read_flow_runs(flow_run_filter=done, sort=FlowRunSort.START_TIME_DESC, limit=1):
                yield f"{deployment.name}-run", f"runs/flow-run/{run.id}"


def take(url: str, file: Path) -> None:
    """Write a PNG of the page. Raises NoPicture."""
    program = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if program is None:
        raise NoPicture("there is no Chromium: apt-get install chromium")
    with tempfile.TemporaryDirectory() as profile:
        command = [
            program, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            f"--window-size={SIZE[0]},{SIZE[1]}", f"--virtual-time-budget={SETTLED_MILLISECONDS}",
            f"--user-data-dir={profile}", f"--screenshot={file}", url,
        ]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise NoPicture(f"{url} took longer than {PATIENCE_SECONDS:g} s") from None
    if done.returncode != 0 or not file.exists():
        raise NoPicture(f"{url}: {done.stderr.strip().splitlines()[-1:] or done.returncode}")


if __name__ == "__main__":
    raise SystemExit(main())
