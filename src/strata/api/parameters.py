"""What callers may say about an inference run: of the parameters of the `inference` flow, those that name no files.

The flow checks them again; a test holds both to the same bounds.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from strata.api.shapes import Asked

Text = Annotated[str, StringConstraints(min_length=1, max_length=100_000)]


class InferenceJob(Asked):
    """An inference run; what is left out is as deployed."""

    prompts: list[Text] = Field(description="One answer is written for each", min_length=1, max_length=64)
    model: str = Field(
        "smollm2", description="The model's name", pattern=r"^[A-Za-z0-9][A-Za-z0-9._+@=-]*$", max_length=128
    )
    max_new_tokens: int = Field(64, description="Longest answer, in tokens", gt=0, le=8192)
    chat_template: bool = Field(True, description="Wrap each prompt in the model's chat template, where it has one")
    nodes: int = Field(4, description="Node processes to start on the worker's machine", gt=0, le=16)
    node_memory: int = Field(224, description="Budget of each node in MiB; 0: even shares", ge=0, le=1024 * 1024)
    objective: Literal["latency", "throughput"] = Field(
        "latency", description="What the plan makes as fast as possible"
    )
    context: int = Field(512, description="Tokens of prompt and answer to reserve KV cache for", gt=0, le=131_072)
    temperature: float = Field(0.0, description="0 picks the likeliest token", ge=0, le=5)
    top_k: int = Field(0, description="Sample among the k likeliest tokens; 0: among all", ge=0)
    top_p: float = Field(
        1.0, description="Sample among the likeliest tokens that hold this much probability", gt=0, le=1
    )
    # Beyond it not every reader of JSON has whole numbers (RFC 7493, section 2.2).
    seed: int = Field(0, description="The same seed gives the same answer", ge=0, le=2**53 - 1)
    speculate: int = Field(0, description="Guess up to so many next tokens; 0: never", ge=0, le=32)
    compare: bool = Field(True, description="Also run the model in one process, and report how the two compare")
    timeout: int = Field(600, description="Seconds that any one stage may take", gt=0, le=86_400)
