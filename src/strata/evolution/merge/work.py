"""How much memory each method takes to merge one tensor, inputs that are mapped and outputs that wait left out.

Measured with mergekit 0.1.5 and torch 2.13 as the peak of a process while it merged one large matrix in bfloat16 and in
float32, of one to three models beside the base (or one to three models, where the method takes no base), and rounded
up by a sixth. TIES, DARE and task arithmetic are those of this room, but for TIES a full sort is allowed for.
"""

# Bytes an element: with one model, and for each further one; items of two bytes, then of four.
_WORK: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "arcee_fusion": ((26, 0), (24, 0)),
    "breadcrumbs": ((35, 5), (35, 5)),
    "breadcrumbs_ties": ((35, 5), (35, 5)),
    "dare_linear": ((12, 9), (22, 6)),
    "dare_ties": ((12, 11), (20, 7)),
    "della": ((38, 12), (47, 5)),
    "della_linear": ((38, 19), (48, 5)),
    "karcher": ((12, 8), (15, 15)),
    "linear": ((11, 3), (11, 1)),
    "model_stock": ((20, 0), (24, 5)),
    "multislerp": ((11, 19), (11, 42)),
    "nearswap": ((18, 0), (25, 0)),
    "nuslerp": ((20, 0), (39, 0)),
    "passthrough": ((15, 0), (11, 0)),
    "ram": ((48, 16), (51, 25)),
    "ramplus_tl": ((50, 26), (53, 29)),
    "sce": ((25, 14), (33, 15)),
    "slerp": ((24, 0), (14, 0)),
    "task_arithmetic": ((19, 1), (8, 5)),
    "ties": ((30, 7), (30, 11)),
}


def work_bytes(method: str, beside: int, item_bytes: int) -> float:
    """Bytes an element of a tensor, while it is merged. beside: models beyond the first and the base."""
    narrow, wide = _WORK[method]
    first, more = narrow if item_bytes <= 2 else wide
    scale = max(1.0, item_bytes / 4)  # float64 is rare, and not measured
    return scale * (first + beside * more)
