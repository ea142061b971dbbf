"""A pipeline's command line, `python -m flows.NAME`: parameters, exit statuses, Ctrl-C, `--json`."""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import BaseModel, ValidationError

from flows.arguments import add_arguments, flag_of, given
from flows.prefect_environment import prepare
from strata.errors import StrataError
from strata.settings import Settings

_STATUSES = """
Exits with 0 when {done} or the pipeline is switched off, 1 when a stage failed, 2 for a wrong argument,
130 after Ctrl-C. Set PREFECT_API_URL to record the run on your Prefect server.
"""


@dataclass(frozen=True)
class Command:
    """What differs from pipeline to pipeline. `examples`: lines of the help; `done`: when a run has ended well.

    `summary`: module with `show(outcome)` and `as_dictionary(outcome)`, imported when a run has ended.
    """

    name: str
    description: str
    examples: str
    done: str
    parameters: type[BaseModel]
    summary: Callable[[], Any]


def main(command: Command, load_flow: Callable[[], Callable[..., Any]], arguments: Sequence[str] | None = None) -> int:
    """Run the flow that `load_flow` imports once, and return the exit status."""
    parameters, as_json = parse(command, arguments)
    # A stop signal unwinds like Ctrl-C, so that processes and server end with the run.
    signal.signal(signal.SIGTERM, _stop)
    try:
        wait_for_server = prepare(Settings().home)
        flow = load_flow()
        wait_for_server()
        return _run(command, flow, parameters, as_json)
    except StrataError as error:
        print(f"{command.name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130


def parse(command: Command, arguments: Sequence[str] | None = None) -> tuple[Any, bool]:
    """The command's parameters, and whether JSON is wanted.

    `--help` and wrong arguments end the process here, before anything heavy is imported.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m flows.{command.name}",
        usage="%(prog)s [options]",
        description=command.description,
        epilog=f"examples:\n{command.examples}" + _STATUSES.format(done=command.done),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    add_arguments(parser, command.parameters)
    namespace = parser.parse_args(arguments)
    try:
        return command.parameters(**given(namespace, command.parameters)), namespace.json
    except ValidationError as error:
        first = error.errors()[0]
        where = flag_of(str(first["loc"][0]), command.parameters) + ": " if first["loc"] else ""
        parser.error(where + first["msg"].removeprefix("Value error, "))


def _run(command: Command, flow: Callable[..., Any], parameters: BaseModel, as_json: bool) -> int:
    from tasks.terminal import console

    console.quiet = as_json
    state = flow(parameters, return_state=True)
    if not state.is_completed():
        failure = state.result(raise_on_failure=False)
        print(f"{command.name}: {failure or state.message}", file=sys.stderr)
        return 1
    if state.name == "Skipped":
        print(json.dumps({"skipped": state.message}) if as_json else state.message)
        return 0
    outcome, summary = state.result(), command.summary()
    if as_json:
        print(json.dumps(summary.as_dictionary(outcome)))
    else:
        summary.show(outcome)
    return 0


def _stop(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt
