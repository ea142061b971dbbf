"""The command line of the inference pipeline: `python -m flows.inference`."""

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
from tasks.inference_parameters import InferenceParameters

EXAMPLES = """\
examples:
  python -m flows.inference
  python -m flows.inference --prompt "Why do cats purr?" --max-new-tokens 100 --temperature 0.7
  python -m flows.inference --nodes 3 --node-memory 0 --objective throughput --no-compare --json
  python -m flows.inference --mesh mesh.strata --identity coordinator.key --model ~/models/my-llama

Exits with 0 when the answer is complete or the pipeline is switched off, 1 when a stage failed, 2 for a wrong argument,
130 after Ctrl-C. Set PREFECT_API_URL to record the run on your Prefect server.
"""


def main(load_flow: Callable[[], Callable[..., Any]], arguments: Sequence[str] | None = None) -> int:
    """Run the flow that `load_flow` imports once, and return the exit status."""
    parameters, as_json = parse(arguments)
    # A stop signal unwinds like Ctrl-C, so that nodes and server end with the run.
    signal.signal(signal.SIGTERM, _stop)
    try:
        wait_for_server = prepare(Settings().home)
        flow = load_flow()
        wait_for_server()
        return _run(flow, parameters, as_json)
    except StrataError as error:
        print(f"inference: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130


def parse(arguments: Sequence[str] | None = None) -> tuple[InferenceParameters, bool]:
    """Read the command line; `--help` and wrong arguments end the process here, before anything heavy is imported."""
    parser = argparse.ArgumentParser(
        prog="python -m flows.inference",
        usage="%(prog)s [options]",
        description="Answer prompts with one model whose layers are spread over several nodes: plan, distribute, run.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    add_arguments(parser, InferenceParameters)
    namespace = parser.parse_args(arguments)
    try:
        return InferenceParameters(**given(namespace, InferenceParameters)), namespace.json
    except ValidationError as error:
        first = error.errors()[0]
        where = flag_of(str(first["loc"][0]), InferenceParameters) + ": " if first["loc"] else ""
        parser.error(where + first["msg"].removeprefix("Value error, "))


def _run(flow: Callable[..., Any], parameters: InferenceParameters, as_json: bool) -> int:
    from flows.inference_summary import as_dictionary, show
    from tasks.terminal import console

    console.quiet = as_json
    state = flow(parameters, return_state=True)
    if not state.is_completed():
        failure = state.result(raise_on_failure=False)
        print(f"inference: {failure or state.message}", file=sys.stderr)
        return 1
    if state.name == "Skipped":
        print(json.dumps({"skipped": state.message}) if as_json else state.message)
        return 0
    outcome = state.result()
    if as_json:
        print(json.dumps(as_dictionary(outcome)))
    else:
        show(outcome)
    return 0


def _stop(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt
