"""The command line of the inference pipeline: `python -m flows.inference`."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from flows import command
from tasks.inference_parameters import InferenceParameters

COMMAND = command.Command(
    name="inference",
    description="Answer prompts with one model whose layers are spread over several nodes: plan, distribute, run.",
    examples="""\
  python -m flows.inference
  python -m flows.inference --prompt "Why do cats purr?" --max-new-tokens 100 --temperature 0.7
  python -m flows.inference --nodes 3 --node-memory 0 --objective throughput --no-compare --json
  python -m flows.inference --mesh mesh.strata --identity coordinator.key --model ~/models/my-llama
""",
    done="the answer is complete",
    parameters=InferenceParameters,
    summary=lambda: import_module("flows.inference_summary"),
)


def main(load_flow: Callable[[], Callable[..., Any]], arguments: Sequence[str] | None = None) -> int:
    """Run the flow that `load_flow` imports once, and return the exit status."""
    return command.main(COMMAND, load_flow, arguments)


def parse(arguments: Sequence[str] | None = None) -> tuple[InferenceParameters, bool]:
    """Read the command line; ends the process for `--help` and wrong arguments."""
    return command.parse(COMMAND, arguments)
