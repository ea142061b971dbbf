"""What techniques gained in past runs: a search's prior knowledge."""

from strata.evolution.history.check import History


def gains(history: History) -> dict[str, tuple[float, ...]]:
    """Fitness of every sound child less that of its best parent, by technique (lower case, `_` for `-` and blanks).

    Children without a technique, or with a parent that is not sound, say nothing.
    """
    known = {model.name: model for model in history.sound}
    found: dict[str, list[float]] = {}
    for model in history.sound:
        parents = [known[name].scores.fitness for name in model.parents if name in known]
        if model.technique and parents and len(parents) == len(model.parents):
            technique = model.technique.strip().lower().replace("-", "_").replace(" ", "_")
            found.setdefault(technique, []).append(model.scores.fitness - max(parents))
    return {technique: tuple(values) for technique, values in found.items()}
