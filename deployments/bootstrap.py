"""Prepare a Prefect server for the pipelines: the work pool `local`, and every deployment of `prefect.yaml`.

Run `python -m deployments.bootstrap` with PREFECT_API_URL set to the server's API. It may be run again at any time:
what exists stays, and what changed in `prefect.yaml` is updated.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
POOL = "local"


def main() -> int:
    """Make the work pool and register the deployments; returns the exit status."""
    if not os.environ.get("PREFECT_API_URL"):
        print(
            "Set PREFECT_API_URL to the server's API, for example http://127.0.0.1:4200/api, "
            "and start that server with `prefect server start`.",
            file=sys.stderr,
        )
        return 2
    asyncio.run(ensure_pool(POOL))
    return deploy_all()


async def ensure_pool(name: str) -> bool:
    """Make a work pool that starts flow runs as processes of its worker; returns False where it exists."""
    from prefect import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists
    from prefect.workers.process import ProcessWorker

    pool = WorkPoolCreate(
        name=name,
        type=ProcessWorker.type,
        base_job_template=ProcessWorker.get_default_base_job_template(),
        description="Flow runs as processes on the machine of their worker",
    )
    async with get_client() as client:
        try:
            await client.create_work_pool(pool)
        except ObjectAlreadyExists:
            return False
    return True


def deploy_all() -> int:
    """Register every deployment of `prefect.yaml`; returns the exit status of `prefect deploy`."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
