"""Merges of small models in memory, for benchmarks of search: mergekit's arithmetic on tensors that stay loaded.

What is sorted by mergekit in every merge (magnitudes in task vectors) is sorted once here. A test holds the result
against mergekit's own, method by method.
"""

import torch

METHODS = ("linear", "slerp", "task_arithmetic", "ties", "breadcrumbs", "breadcrumbs_ties")


def value_of(setting, name, t):
    """A parameter's value for one tensor: mergekit's filters and gradients. `t`: place in the layers, 0..1."""
    if isinstance(setting, int | float):
        return float(setting)
    if isinstance(setting[0], dict):
        chosen = next(part for part in setting if part.get("filter", "*") == "*" or part["filter"] in name)
        return value_of(chosen["value"], name, t)
    scaled = t * (len(setting) - 1)
    below = int(scaled)
    part = scaled - below
    return (1 - part) * setting[below] + part * setting[min(len(setting) - 1, below + 1)]


class QuickMerge:
    """`models`: state dicts by digest, float32. `layers`: how many the models have."""

    def __init__(self, models, layers):
        self.models = models
        self.layers = layers
        self._ranks = {}

    def merge(self, recipe):
        """The merged state dict. Raises KeyError for a method that is not in METHODS."""
        configuration = recipe.configuration
        base = recipe.base
        inputs = [
            (entry["model"].removeprefix("model:"), entry.get("parameters", {})) for entry in recipe_models(recipe)
        ]
        shared = configuration.get("parameters", {})
        merge = {"linear": self._linear, "slerp": self._slerp}.get(recipe.method, self._along_task_vectors)
        if recipe.method not in METHODS:
            raise KeyError(recipe.method)
        merged = {}
        for name in self.models[inputs[0][0]]:
            t = self._place(name)
            values = [
                (model, {key: value_of(setting, name, t) for key, setting in own.items()})
                for model, own in inputs
                if model != base or recipe.method == "slerp"
            ]
            common = {key: value_of(setting, name, t) for key, setting in shared.items()}
            merged[name] = merge(recipe.method, name, base, values, common)
        return merged

    def _place(self, name):
        if ".layers." not in name:
            return 0.0
        layer = int(name.split(".layers.")[1].split(".")[0])
        return layer / (self.layers - 1) if self.layers > 1 else 1.0

    def _linear(self, method, name, base, values, common):
        total = sum(own["weight"] for _, own in values)
        return sum(self.models[model][name] * own["weight"] for model, own in values) / total

    def _slerp(self, method, name, base, values, common):
        one = self.models[base][name]
        other = next(self.models[model][name] for model, _ in values if model != base)
        t = common["t"]
        dot = float(torch.sum(one / one.norm() * (other / other.norm())).clamp(-1, 1))
        if abs(dot) > 0.9995:
            return (1 - t) * one + t * other
        angle = torch.acos(torch.tensor(dot))
        return (torch.sin((1 - t) * angle) * one + torch.sin(t * angle) * other) / torch.sin(angle)

    def _along_task_vectors(self, method, name, base, values, common):
        start = self.models[base][name]
        rows = []
        for model, own in values:
            delta = self.models[model][name] - start
            rows.append(self._sparse(method, name, base, model, delta, own.get("density", 1.0)))
        weights = torch.tensor([own["weight"] for _, own in values])
        deltas = torch.stack(rows) * weights.view(-1, *[1] * start.dim())
        if method in ("ties", "breadcrumbs_ties"):
            agree = deltas.sign() == torch.where(deltas.sum(0) >= 0, 1.0, -1.0)
            step = (deltas * agree).sum(0)
            if method == "ties":
                divisor = torch.einsum("p...,p->...", agree.float(), weights)
                step = step / torch.where(divisor == 0, 1.0, divisor)
        else:
            step = deltas.sum(0)
        return start + step * common.get("lambda", 1.0)

    def _sparse(self, method, name, base, model, delta, density):
        if method == "task_arithmetic" or density >= 1:
            return delta
        number = delta.numel()
        kept = int(density * number)
        if method == "ties":
            return delta * (self._rank(name, base, model, delta, descending=True) < max(1, kept))
        lost = max(0, number - kept - int(0.01 * number))  # .01: mergekit's default gamma, outliers that go
        rank = self._rank(name, base, model, delta, descending=False)
        return delta * ((rank >= lost) & (rank < lost + kept))

    def _rank(self, name, base, model, delta, descending):
        """Place of every element by magnitude. Many are equal: which of them comes first must be as in mergekit."""
        place = (name, base, model, descending)
        if place not in self._ranks:
            order = torch.argsort(delta.abs().reshape(-1), descending=descending)
            rank = torch.empty(delta.numel(), dtype=torch.int32)
            rank[order] = torch.arange(delta.numel(), dtype=torch.int32)
            self._ranks[place] = rank.reshape(delta.shape)
        return self._ranks[place]


def recipe_models(recipe):
    """The entries of a recipe's models."""
    return recipe.configuration["models"]
