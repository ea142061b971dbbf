"""Prepare a Prefect server for the pipelines: the work pool `local`, limits, and every deployment of `prefect.yaml`.

Run `python -m deployments.bootstrap` with PREFECT_API_URL set to the server's API. It may be run again at any time:
what is there and as it should be is left alone, with what people have changed about it in the user interface, such as
a schedule that they paused; what changed here is registered anew. `--prune` removes deployments of ours that
`prefect.yaml` does not name any more.
"""

import argparse
import asyncio
import hashlib
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

ROOT = Path(__file__).resolve().parent.parent
POOL = "local"
OURS = "strata"  # a tag of every deployment of ours
TAG_LIMITS: Mapping[str, int] = {"whole-model": 1}
"""How many task runs with a tag run at a time: a model that is whole in one process takes most of a machine."""


@dataclass(frozen=True)
class Registered:
    """What a run of bootstrap changed: names of deployments; limits: their tags."""

    pool: bool
    limits: tuple[str, ...]
    deployed: tuple[str, ...]
    pruned: tuple[str, ...]


class DeployFailed(RuntimeError):
    """`prefect deploy` said no; it has said why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make what is missing; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deployments.bootstrap", description=__doc__.split("\n\n")[0])
    parser.add_argument("--prune", action="store_true", help="remove deployments of ours that are no longer named")
    given = parser.parse_args(arguments)
    if not os.environ.get("PREFECT_API_URL"):
        print(
            "Set PREFECT_API_URL to the server's API, for example http://127.0.0.1:4200/api, "
            "and start that server with `prefect server start`.",
            file=sys.stderr,
        )
        return 2
    try:
        print(in_words(asyncio.run(bootstrap(prune=given.prune))))
    except DeployFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def bootstrap(*, prune: bool = False) -> Registered:
    """Pool, limits, deployments, in this order. Raises DeployFailed."""
    from prefect import get_client

    version, named = parameters_version(Settings()), deployments()
    async with get_client() as client:
        pool = await ensure_pool(POOL)
        limits = [tag for tag, limit in TAG_LIMITS.items() if await _ensure_limit(client, tag, limit)]
        there = {each.name: each for each in await client.read_deployments()}
        missing = [
            name for name, each in named.items() if not await _is_current(client, there.get(name), each, version)
        ]
        if missing:
            _deploy(missing, version)
        gone = [each for each in there.values() if OURS in each.tags and each.name not in named] if prune else []
        for each in gone:
            await client.delete_deployment(each.id)
    return Registered(pool, tuple(limits), tuple(missing), tuple(each.name for each in gone))


def in_words(done: Registered) -> str:
    """What was changed."""
    told = [f"made the work pool {POOL}"] if done.pool else []
    told += [f"set the limit of {tag} to {TAG_LIMITS[tag]}" for tag in done.limits]
    told += [f"registered {', '.join(done.deployed)}"] if done.deployed else []
    told += [f"removed {', '.join(done.pruned)}"] if done.pruned else []
    return "; ".join(told) or "Everything is as it should be"


def deployments() -> dict[str, dict[str, Any]]:
    """Those of `prefect.yaml`, by name."""
    import yaml

    return {each["name"]: each for each in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]}


def parameters_version(settings: Settings) -> str:
    """What every deployment, and so every run of one, is tagged with: release, settings, and a digest.

    Such as 0.1.0+1.5f2d8c01aa37: two runs with the same one had the same parameters, meaning the same.
    """
    release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    digest = hashlib.sha256()
    for path in (ROOT / "prefect.yaml", *sorted((ROOT / "tasks").glob("*_parameters.py"))):
        digest.update(path.read_bytes())
    return f"{release}+{settings.phase_2_version}.{digest.hexdigest()[:12]}"


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


async def _ensure_limit(client: "PrefectClient", tag: str, limit: int) -> bool:
    """Returns False where the limit is as it should be."""
    from prefect.exceptions import ObjectNotFound

    try:
        if (await client.read_concurrency_limit_by_tag(tag)).concurrency_limit == limit:
            return False
    except ObjectNotFound:
        pass
    await client.create_concurrency_limit(tag=tag, concurrency_limit=limit)
    return True


async def _is_current(
    client: "PrefectClient", there: "DeploymentResponse | None", named: Mapping[str, Any], version: str
) -> bool:
    """Whether a deployment is registered as it is named, with the automations that start it."""
    if there is None or there.version != version:
        return False
    automations = await client.read_resource_related_automations(f"prefect.deployment.{there.id}")
    return len(automations) >= len(named.get("triggers", ()))


def _deploy(names: Sequence[str], version: str) -> None:
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy"]
    command += [part for name in names for part in ("--name", name)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"STRATA_PARAMETERS_VERSION": version}, check=False)
    if done.returncode:
        raise DeployFailed(f"`prefect deploy` ended with status {done.returncode}; see what it said above")


if __name__ == "__main__":
    raise SystemExit(main())
