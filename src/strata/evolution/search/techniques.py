"""What a recipe may vary in each of mergekit's methods, and within which bounds.

Names, inputs and defaults are those of mergekit 0.1.5. The bounds are ours: wide enough to hold what merges of language
models are published with, narrow enough that no value divides by zero or empties a task vector.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Bounds = tuple[float, float]


@dataclass(frozen=True)
class Technique:
    """A merge method as the search sees it.

    `base`: "none" of its own; "model": the space's base model, which is not one of the parents; "parent": the first
    parent takes that place. `weight` and `density`: bounds of what each parent has for itself in every block. `blend`:
    name and bounds of what the recipe has once for every block. `scale`: name and bounds of what it has once.
    """

    name: str
    base: Literal["none", "model", "parent"]
    fewest: int = 1
    most: int | None = None
    weight: Bounds | None = None
    density: Bounds | None = None
    blend: tuple[str, Bounds] | None = None
    scale: tuple[str, Bounds] | None = None
    random: bool = False


_SHARE = (0.02, 1.0)  # of a weighted mean: never all zero
_STEP = (0.0, 1.2)  # along a task vector
_KEPT = (0.1, 1.0)
_LAMBDA = ("lambda", (0.5, 2.0))  # the length of a normalised step

_ALL = (
    Technique("linear", "none", fewest=2, weight=_SHARE),
    Technique("slerp", "parent", fewest=2, most=2, blend=("t", (0.0, 1.0))),
    Technique("nuslerp", "none", fewest=2, most=2, weight=_SHARE),
    Technique("multislerp", "model", fewest=2, weight=_SHARE),
    Technique("karcher", "none", fewest=2),
    Technique("model_stock", "model", fewest=2),
    Technique("arcee_fusion", "model", most=1),
    Technique("nearswap", "model", most=1, blend=("t", (0.0001, 0.02))),
    Technique("sce", "model", fewest=2, scale=("select_topk", (0.05, 1.0))),
    Technique("ram", "model", fewest=2),
    Technique("ramplus_tl", "model", fewest=2, scale=("r", (0.01, 0.5))),
    Technique("task_arithmetic", "model", weight=_STEP),
    Technique("ties", "model", fewest=2, weight=_SHARE, density=_KEPT, scale=_LAMBDA),
    Technique("dare_ties", "model", fewest=2, weight=_STEP, density=_KEPT, random=True),
    Technique("dare_linear", "model", weight=_STEP, density=_KEPT, random=True),
    # Probabilities of della lie .15 (its default epsilon) on either side of the density.
    Technique("della", "model", fewest=2, weight=_SHARE, density=(0.2, 0.8), scale=_LAMBDA, random=True),
    Technique("della_linear", "model", weight=_STEP, density=(0.2, 0.8), random=True),
    Technique("breadcrumbs", "model", weight=_STEP, density=(0.1, 0.98)),
    Technique("breadcrumbs_ties", "model", fewest=2, weight=_STEP, density=(0.1, 0.98)),
)
TECHNIQUES: Mapping[str, Technique] = {technique.name: technique for technique in _ALL}
