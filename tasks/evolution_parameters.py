"""What a person may choose about an evolution run: one model that fills the run form and the command line alike."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SHIPPED = "data/evolution"


class EvolutionParameters(BaseModel):
    """Parameters of the `evolution` flow; every field has a default, and the defaults are the demonstration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parents: list[str] = Field(
        [f"{SHIPPED}/{name}" for name in ("coding", "math", "reasoning", "language")],
        title="Parents",
        description="Model folders (config.json, safetensors, tokenizer) of one architecture and vocabulary, or names "
        "or digests of models in the store",
        min_length=1,
        max_length=64,
    )
    base: str = Field(
        f"{SHIPPED}/base",
        title="Base model",
        description="What the parents were trained from; empty leaves out the methods that need one",
    )
    checkpoints_of: str = Field(
        "",
        title="Checkpoints of",
        description="A training run: its latest checkpoints in the store are the parents, in the place of those above",
        max_length=100,
    )
    suites: list[str] = Field(
        ["small"],
        title="Suites",
        description="What models are tested on: 'small' (built in, for models of a million parameters), 'gym' "
        "(reasoning-gym), 'lm-eval:TASK', or a file with an item as JSON a line",
        min_length=1,
        max_length=64,
    )
    generations: int = Field(3, title="Generations", description="How many to breed in this run", gt=0, le=1000)
    children: int = Field(8, title="Children", description="Merges in a generation", gt=0, le=256)
    strategy: Literal["adaptive", "cma-es", "genetic", "random"] = Field(
        "adaptive", title="Search", description="How the next recipes are chosen"
    )
    search_items: int = Field(
        250, title="Search items", description="Items a domain on which every child is scored", gt=0, le=100_000
    )
    gate_items: int = Field(
        3000, title="Gate items", description="Most items a domain on which one candidate is judged", ge=50, le=50_000
    )
    comparison_items: int = Field(
        1000,
        title="Comparison items",
        description="Held-back items a domain on which the champion and its founders are compared in the end",
        gt=0,
        le=10_000,
    )
    gain: float = Field(
        0.02, title="Gain", description="Overall improvement that the gate should find when it is there", gt=0, lt=1
    )
    approval: Literal["undecided", "always"] = Field(
        "undecided",
        title="Approval",
        description="When a person decides: 'undecided' where the gate cannot tell, 'always' for every candidate",
    )
    approval_wait: int = Field(
        72_000,
        title="Wait for approval (s)",
        description="So long a deployed run is suspended for a person's decision; then, or with 0, the candidate stays "
        "proposed",
        ge=0,
        le=30 * 86_400,
    )
    beside_training: bool = Field(
        False,
        title="Beside training",
        description="A trainer uses this machine: one thread at the lowest priority, and only if the predicted peak "
        "fits into what is free",
    )
    reserve: int = Field(
        1024,
        title="Reserve (MiB)",
        description="Of what is free beside training, left to the trainer",
        ge=0,
        le=1 << 24,
    )
    workers: int = Field(2, title="Workers", description="Processes that merge", gt=0, le=64)
    memory: int = Field(
        0,
        title="Memory (MiB)",
        description="What merging may take; 0: half of what is free",
        ge=0,
        le=1 << 24,
    )
    mesh: str = Field(
        "",
        title="Mesh",
        description="Membership file of a mesh whose nodes answer items with models that do not fit here",
    )
    identity: str = Field("", title="Identity", description="The coordinator's key; empty: the one in STRATA_HOME")
    scoring_memory: int = Field(
        0,
        title="Memory to answer (MiB)",
        description="With a mesh: what answering items may take here; 0: half of what is free",
        ge=0,
        le=1 << 24,
    )
    seed: int = Field(0, title="Seed", description="Of recipes and of the items that are drawn", ge=0, lt=1 << 31)
    timeout: int = Field(3600, title="Timeout (s)", description="Longest that one merge may take", gt=0, le=86_400)
