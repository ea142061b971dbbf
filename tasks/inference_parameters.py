"""What a person may choose about an inference run: one model that fills the run form and the command line alike."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Prompt = Annotated[str, StringConstraints(min_length=1, max_length=100_000)]

MIB = 1024 * 1024


class InferenceParameters(BaseModel):
    """Parameters of the `inference` flow; every field has a default, and the defaults are the demonstration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(
        "smollm2",
        title="Model",
        description="'smollm2' for the model that ships, or a path: a safetensors folder or a .gguf file",
        min_length=1,
    )
    prompts: list[Prompt] = Field(
        ["Explain to a curious child why the sky is blue, but sunsets are red."],
        title="Prompts",
        description="One answer is written for each; several are answered at the same time",
        min_length=1,
        max_length=64,
    )
    max_new_tokens: int = Field(64, title="New tokens", description="Longest answer, in tokens", gt=0, le=8192)
    chat_template: bool = Field(
        True, title="Chat template", description="Wrap each prompt in the model's chat template, where it has one"
    )
    nodes: int = Field(
        4, title="Local nodes", description="Node processes to start on this machine, if no mesh is named", gt=0, le=16
    )
    node_memory: int = Field(
        224,
        title="Memory of a node (MiB)",
        description="Budget of each local node in MiB; the default is too small for the whole model. 0: even shares",
        ge=0,
        le=1024 * 1024,
    )
    mesh: str = Field(
        "",
        title="Mesh file",
        description="Membership file of a mesh whose nodes already run; empty starts local nodes",
    )
    identity: str = Field(
        "", title="Identity file", description="Key of a coordinator that is a member of that mesh (with a mesh file)"
    )
    objective: Literal["latency", "throughput"] = Field(
        "latency",
        title="Objective",
        description="latency: one answer as fast as possible; throughput: the slowest stage as fast as possible",
    )
    context: int = Field(
        512, title="Context", description="Tokens of prompt and answer to reserve KV cache for", gt=0, le=131_072
    )
    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", title="Number format", description="Format of weights and activations on the nodes"
    )
    weights: Literal["as-is", "int8"] = Field(
        "as-is",
        title="Weights",
        description="int8 holds the matrices on the nodes in one byte a weight; as-is holds them in the number format",
    )
    kv_cache: Literal["as-is", "int8"] = Field(
        "as-is",
        title="KV cache",
        description="int8 holds keys and values in one byte each; as-is holds them in the number format",
    )
    temperature: float = Field(
        0.0, title="Temperature", description="0 picks the likeliest token; higher is more varied", ge=0, le=5
    )
    top_k: int = Field(0, title="Top k", description="Sample among the k likeliest tokens; 0: among all", ge=0)
    top_p: float = Field(
        1.0, title="Top p", description="Sample among the likeliest tokens that hold this much probability", gt=0, le=1
    )
    seed: int = Field(0, title="Seed", description="The same seed gives the same answer", ge=0, le=2**63 - 1)
    speculate: int = Field(
        0,
        title="Speculate",
        description="Guess up to so many next tokens from the text before them, verified in one pass; 0: never. "
        "Pays where nodes are far apart and the answer repeats its context; the tokens stay the same",
        ge=0,
        le=32,
    )
    answer_name: str = Field(
        "",
        title="Answer's name",
        description="An answer of this name that was cut off is gone on with; empty does not keep it",
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._+@=-]{0,127})?$",
    )
    chaos: int = Field(
        0,
        title="Rehearse a failure",
        description="Kill one of the local nodes after so many pieces of text, and see the answer go on; 0: never",
        ge=0,
        le=8192,
    )
    compare: bool = Field(
        True,
        title="Compare",
        description="Also run the model in one fresh process with transformers, and report how the two compare",
    )
    timeout: int = Field(
        600, title="Timeout (seconds)", description="Longest that any one stage may take", gt=0, le=86_400
    )

    @model_validator(mode="after")
    def _a_mesh_needs_a_key_and_is_not_ours_to_kill(self) -> Self:
        if self.mesh and not self.identity:
            raise ValueError("a mesh file needs an identity file: the key of a coordinator that belongs to the mesh")
        if self.mesh and self.chaos:
            raise ValueError("only local nodes can be killed for a rehearsal; leave the mesh file empty, or chaos at 0")
        return self

    @property
    def node_memory_bytes(self) -> int | None:
        """Budget of a local node in bytes; None leaves it to the node to measure."""
        return self.node_memory * MIB or None

    @property
    def held_weights(self) -> Literal["int8"] | None:
        """What matrices are held in; None for the number format."""
        return None if self.weights == "as-is" else self.weights

    @property
    def held_kv_cache(self) -> Literal["int8"] | None:
        """What keys and values are held in; None for the number format."""
        return None if self.kv_cache == "as-is" else self.kv_cache

    @property
    def model_name(self) -> str:
        """The model's short name, for titles and for the store, which takes no spaces."""
        return re.sub(r"[^A-Za-z0-9._+@=-]+", "-", Path(self.model).name).lstrip("._+@=-") or "model"
