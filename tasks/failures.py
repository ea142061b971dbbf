"""Stages that fail say what went wrong and what to do about it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun
from trio import TooSlowError

from strata.errors import StrataError


class TaskFailed(StrataError):
    """A stage of a pipeline failed; the message says what to do. `worth_retrying` tells whether time alone may help."""

    def __init__(self, stage: str, problem: str, advice: str, worth_retrying: bool) -> None:
        super().__init__(f"The {stage} stage failed: {problem.rstrip('.')}. What to do: {advice}")
        self.worth_retrying = worth_retrying


@contextmanager
def stage(name: str, advice: Mapping[type[BaseException], str], otherwise: str) -> Iterator[None]:
    """Turn whatever ends the block into a TaskFailed with the advice for its type, or with `otherwise`.

    Faults of the network and timeouts are worth a retry; a StrataError that `advice` names is a decision that would be
    the same again. What is neither passes through unchanged: it is a defect, and its traceback is wanted.
    """
    try:
        yield
    except TaskFailed:
        raise
    except (StrataError, OSError, TooSlowError, BaseExceptionGroup) as error:
        cause = _cause(error)
        if cause is None:
            raise
        known = next((text for kind, text in advice.items() if isinstance(cause, kind)), None)
        problem = "it took longer than its timeout" if isinstance(cause, TooSlowError) else str(cause)
        raise TaskFailed(name, problem or type(cause).__name__, known or otherwise, known is None) from error


def worth_retrying(task: Task, run: TaskRun, state: State) -> bool:
    """A `retry_condition_fn`: retry a TaskFailed that time may heal, and nothing else."""
    try:
        state.result()
    except TaskFailed as failure:
        return failure.worth_retrying
    except BaseException:
        return False
    return False


def _cause(error: BaseException) -> BaseException | None:
    """The error itself or, of a group, its first explainable leaf; None if any leaf is a defect or Ctrl-C."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = [_cause(inner) for inner in error.exceptions]
    explained = [leaf for leaf in leaves if isinstance(leaf, StrataError | OSError | TooSlowError)]
    return explained[0] if len(explained) == len(leaves) else None
