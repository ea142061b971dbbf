"""What a person may choose about a migration: one model that fills the run form and the command line alike."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SAMPLE = "data/sample_project"


class MigrationParameters(BaseModel):
    """Parameters of the `migration` flow; every field has a default, and the defaults are the demonstration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tree: str = Field(
        SAMPLE,
        title="Project",
        description="Folder of the project; the sample that ships is copied first, and the copy is changed",
        min_length=1,
        max_length=4096,
    )
    strategy: Literal["relative_preferred", "absolute", "absolute_across_relative_within"] = Field(
        "relative_preferred",
        title="Strategy",
        description="How imports inside the project are written: relative within a package; absolute; or relative "
        "inside a subpackage of the top-level package and absolute across",
    )
    roots: list[str] = Field(
        [],
        title="Roots",
        description="Folders on sys.path, from the project's root; empty: as its configuration says",
        max_length=64,
    )
    refactor: bool = Field(
        True, title="Move modules", description="Also move modules between packages where that lowers the coupling"
    )
    dynamic: bool = Field(
        True,
        title="Run the code",
        description="Import every changed module in a process of its own before and after, and run the project's "
        "tests; off: the static proof alone",
    )
    test_command: str = Field(
        "",
        title="Test command",
        description="What runs the project's tests and takes pytest's arguments; empty: python -m pytest",
        max_length=4096,
    )
    allow_dirty: bool = Field(
        False, title="Allow uncommitted changes", description="Also change files that git says are not committed"
    )
