"""The command line of the pretraining pipeline: `python -m flows.pretraining`."""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from pydantic import ValidationError

from flows.arguments import add_arguments, flag_of, given
from flows.prefect_environment import prepare
from strata.errors import StrataError
from strata.settings import Settings
from tasks.pretraining_parameters import PretrainingParameters

EXAMPLES = """\
examples:
  python -m flows.pretraining
  python -m flows.pretraining --out models --seed 7
  python -m flows.pretraining --out try --steps 10 --json

A run that was stopped or killed goes on where it was when it is started again; models that are there are kept.
Exits with 0 when the models are trained or the pipelines are switched off, 1 when a stage failed, 2 for a wrong
argument, 130 after Ctrl-C. Set PREFECT_API_URL to record the run on your Prefect server.
"""


def main(load_flow: Callable[[], Callable[..., Any]], arguments: Sequence[str] | None = None) -> int:
    """Run the flow that `load_flow` imports once, and return the exit status."""
    parameters, as_json = parse(arguments)
    signal.signal(signal.SIGTERM, _stop)
    try:
        wait_for_server = prepare(Settings().home)
        flow = load_flow()
        wait_for_server()
        return _run(flow, parameters, as_json)
    except StrataError as error:
        print(f"pretraining: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130


def parse(arguments: Sequence[str] | None = None) -> tuple[PretrainingParameters, bool]:
    """Read the command line; `--help` and wrong arguments end the process here, before anything heavy is imported."""
    parser = argparse.ArgumentParser(
        prog="python -m flows.pretraining",
        usage="%(prog)s [options]",
        description="Train a small base model and a specialist from it for each domain.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    add_arguments(parser, PretrainingParameters)
    namespace = parser.parse_args(arguments)
    try:
        return PretrainingParameters(**given(namespace, PretrainingParameters)), namespace.json
    except ValidationError as error:
        first = error.errors()[0]
        parser.error(f"{flag_of(str(first['loc'][0]), PretrainingParameters)}: {first['msg']}")


def _run(flow: Callable[..., Any], parameters: PretrainingParameters, as_json: bool) -> int:
    from tasks.terminal import console

    console.quiet = as_json
    state = flow(parameters, return_state=True)
    if not state.is_completed():
        failure = state.result(raise_on_failure=False)
        print(f"pretraining: {failure or state.message}", file=sys.stderr)
        return 1
    if state.name == "Skipped":
        print(json.dumps({"skipped": state.message}) if as_json else state.message)
    elif as_json:
        models = {c.run: {"steps": c.step, "loss": c.loss, "model": c.model} for c in state.result()}
        print(json.dumps({"out": parameters.out, "seed": parameters.seed, "models": models}))
    return 0


def _stop(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt
