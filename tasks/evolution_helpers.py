"""Merges and scores of the evolution pipeline as tasks on a Ray cluster, where STRATA_RAY_ADDRESS names one.

Each is a task of the flow, run by prefect-ray; recipes and digests go there, digests and answers come back. Everything
a task makes lies in the store under the digest of its content, so one whose worker dies is simply run again.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context, copy_context
from typing import Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from strata.evolution.evaluate import Answer
from strata.evolution.merge import IDLE_BYTES, Merged, MergeFailed, predict_bytes
from strata.evolution.models import BadModel
from strata.evolution.recipes import BadRecipe, Recipe
from strata.evolution.rounds import Asked, Bench, Helpers, helper, put_items
from strata.ray_cluster import ClusterError, connected
from strata.settings import Settings
from strata.store import StoreError, store_at

RUN_AGAIN = 3  # times, where the worker's process or machine is lost


@task(name="merge", cache_policy=NO_CACHE)
def merge_there(bench: Bench, recipe: str) -> Merged | MergeFailed:
    """Carry out a recipe (canonical JSON) in the process that this runs in."""
    return helper(bench).merge(recipe)


@task(name="answer", cache_policy=NO_CACHE)
def answer_there(bench: Bench, model: str, items: str) -> list[Answer]:
    """A model's answers to the items of a blob, in the process that this runs in; both named by their digests."""
    return helper(bench).answer(model, items)


@contextmanager
def helpers_of(settings: Settings, timeout_seconds: float) -> Iterator[Helpers | None]:
    """The cluster's processes, from within a flow; None where no cluster is named. What runs there ends with the block.

    Raises ClusterError.
    """
    if settings.ray_address is None:
        yield None
        return
    with connected(settings.ray_address) as ray, _runner() as runner:
        import torch

        bench = Bench(settings.store_root.absolute(), torch.get_num_threads(), timeout_seconds, settings.store_url)
        yield RayHelpers(runner, bench, ray)


class RayHelpers:
    """See `strata.evolution.rounds.Helpers`. Made in a flow, whose tasks its tasks are, whoever asks for them."""

    def __init__(self, runner: Any, bench: Bench, ray: Any) -> None:
        self._runner, self._bench, self._store = runner, bench, store_at(bench.store, bench.url)
        # Of the flow and no task in it: what a task was given, which goes along with its context, does not travel.
        self._flow: Context = copy_context()
        self._largest = max(node["Resources"].get("memory", 0) for node in ray.nodes() if node["Alive"])

    def merge_all(self, recipes: Sequence[Recipe]) -> Iterator[Merged | MergeFailed]:
        """As many at once as the cluster has processors and memory for."""
        asked = [self._merge(recipe) for recipe in recipes]
        for recipe, each in zip(recipes, asked, strict=True):
            found = each if isinstance(each, MergeFailed) else _result(each)
            failed = isinstance(found, BaseException)
            yield MergeFailed(recipe.digest, "worker-killed", str(found)) if failed else found

    def answer_all(self, asked: Sequence[Asked]) -> Iterator[Sequence[Answer] | None]:
        """A task for each model."""
        tasks = [
            self._submit(answer_there, model=each.model, items=put_items(self._store, each.items)) for each in asked
        ]
        for model, future in zip(asked, tasks, strict=True):
            found = _result(future)
            if isinstance(found, BaseException):
                get_run_logger().warning("%s is examined here: %s", model.model[:12], found)
            yield None if isinstance(found, BaseException) else found

    def _merge(self, recipe: Recipe) -> Any:
        """Its task; or at once why it cannot be one."""
        try:
            need = IDLE_BYTES + predict_bytes(self._store, recipe)
        except BadRecipe as error:
            return MergeFailed(recipe.digest, "recipe", str(error))
        except (StoreError, BadModel) as error:
            return MergeFailed(recipe.digest, "parent", str(error))
        if need > self._largest:
            # Ray would wait for such a machine to join.
            detail = f"it needs {need:,} bytes, and the cluster's largest machine has {self._largest:,.0f}"
            return MergeFailed(recipe.digest, "memory", detail)
        return self._submit(merge_there, memory=need, recipe=recipe.to_json())

    def _submit(self, function: Any, memory: int = 0, **parameters: Any) -> Any:
        from prefect_ray.context import remote_options

        options = {"num_cpus": 1, "memory": memory, "max_retries": RUN_AGAIN}

        def submit() -> Any:
            with remote_options(**options):
                return self._runner.submit(function, {"bench": self._bench, **parameters})

        return self._flow.run(submit)


@contextmanager
def _runner() -> Iterator[Any]:
    try:
        from prefect_ray import RayTaskRunner
    except ModuleNotFoundError as error:
        raise ClusterError(f"prefect-ray is not installed ({error.name}): pip install 'strata[ray]'") from error
    with RayTaskRunner() as runner:  # which takes the connection that there is
        yield runner


def _result(future: Any) -> Any:
    """What came of a task; an exception, whether it was the task's or its worker's end, is returned."""
    future.wait()
    return future.result(raise_on_failure=False)
