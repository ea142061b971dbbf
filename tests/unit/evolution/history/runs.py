"""Made-up runs for tests: possible ones, in the file's format."""

import random

DOMAINS = ("coding", "math", "reasoning", "language")


def run(seed=0, generations=12, children=4, seconds=30.0):
    """A run as JSON: every generation has children of two models of the one before, with noisy scores."""
    chance = random.Random(seed)
    timeline, last = [], []
    for number in range(generations):
        models = [_model(chance, number, child, last) for child in range(children)]
        models.sort(key=lambda model: -model["fitness"])
        for rank, model in enumerate(models, start=1):
            model["rank"] = rank
        timeline.append(
            {
                "generation": number,
                "timestamp": 1.7e9 + seconds * number,
                "population_size": children,
                "statistics": {},
                "top_models": models,
                "diversity_metrics": {},
            }
        )
        last = models
    return {
        "evolution_timeline": timeline,
        "model_checkpoints": {},
        "performance_summary": {},
        "total_generations": generations,
        "unique_models_tracked": generations * children,
    }


def _model(chance, number, child, last):
    scores = {domain: round(min(1.0, 0.5 + 0.01 * number + chance.gauss(0, 0.05)), 4) for domain in DOMAINS}
    return {
        "name": f"g{number}c{child}",
        "scores": scores,
        "fitness": fitness(scores),
        "generation": number,
        "parents": [model["name"] for model in chance.sample(last, 2)] if last else [],
        "technique": chance.choice(["slerp", "TIES", "dare-ties"]) if last else None,
    }


def fitness(scores):
    return round(
        0.3 * scores["coding"] + 0.25 * scores["math"] + 0.25 * scores["reasoning"] + 0.2 * scores["language"], 4
    )
