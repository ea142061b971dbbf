"""The strategy that learns: a bandit chooses techniques, variation around the best gives candidates, a model of the
scores so far chooses among them.

The first generation goes through the techniques with weights that differ between parents only. After that techniques
are chosen by Thompson sampling; candidates are crossed and mutated from the best of each chosen technique and the best
of all, some drawn towards the centre of the best, with steps that shrink. Each child is the candidate that is best in a
world drawn from the surrogate, so that good and untried regions both have their turn, and no two children are chosen
for the same reason. Some children must be of the technique that the bandit chose for them, so that none is given up on
because of what the model believes; the others may be of any technique that was chosen.
"""

from dataclasses import dataclass

import numpy as np

from strata.evolution.search.bandit import choose
from strata.evolution.search.genetic import niches
from strata.evolution.search.genome import Genome, draw, key, make
from strata.evolution.search.surrogate import draw_scores
from strata.evolution.search.trials import Past
from strata.evolution.search.variation import average, cross, mutate, tournament


@dataclass(frozen=True)
class Adaptive:
    """`elite`: how many of the best are varied. `candidates`: how many a generation are looked at by the model.

    `step` and `least_step`: standard deviation of mutations in the first generation and in the end, with the factor
    `cooling` between generations. `explore`: share of candidates that are drawn uniformly. `boldness`: how
    much of the surrogate's doubt is in the worlds. `free`: share of children whose technique is not prescribed.
    """

    elite: int = 10
    candidates: int = 400
    step: float = 0.3
    least_step: float = 0.08
    cooling: float = 0.9
    explore: float = 0.1
    boldness: float = 0.4
    free: float = 0.75
    niche: float = 0.02
    name: str = "adaptive"

    def propose(self, past: Past, count: int, random: np.random.Generator) -> list[Genome]:
        """The next `count` children."""
        if len(past.scored) < 2:
            return self._opening(past, count, random)
        chosen = choose(past, count, random)
        pool = self._pool(past, chosen, random)
        worlds = draw_scores(past, pool, count, random, self.boldness)
        children: list[Genome] = []
        taken = {key(past.space, trial.genome) for trial in past.trials}
        for child, (method, world) in enumerate(zip(chosen, worlds, strict=True)):
            free = child < count * self.free
            for position in np.argsort(-world, kind="stable").tolist():
                name = key(past.space, pool[position])
                if (free or pool[position].method == method) and name not in taken:
                    taken.add(name)
                    children.append(pool[position])
                    break
        return children

    def _opening(self, past: Past, count: int, random: np.random.Generator) -> list[Genome]:
        """Techniques in turn; one weight and one density a parent, spread evenly over their range (Latin hypercube)."""
        space = past.space
        methods = [space.usable[i] for i in random.permutation(len(space.usable))]
        levels = (random.permuted(np.tile(np.arange(count), (2 * len(space.parents) + 1, 1)), axis=1) + 0.5) / count
        children = []
        for child in range(count):
            genes = np.zeros(space.size)
            space.weights(genes)[:] = levels[: len(space.parents), child, None]
            space.densities(genes)[:] = levels[len(space.parents) : -1, child, None]
            genes[-1] = levels[-1, child]
            method = methods[child % len(methods)]
            children.append(make(space, method, range(len(space.parents)), genes, random))
        return children

    def _pool(self, past: Past, methods: list[str], random: np.random.Generator) -> list[Genome]:
        space = past.space
        best = niches(past, past.ranking, self.niche, self.elite)
        step = max(self.least_step, self.step * self.cooling**past.generations)
        each = self.candidates // len(set(methods))
        pool = []
        for method in dict.fromkeys(methods):
            own = [i for i in past.ranking.tolist() if past.scored[i].genome.method == method][: self.elite // 2]
            ranked = own + [i for i in best if i not in own]
            centre = average(past.genes[best])
            for _ in range(each):
                if random.random() < self.explore:
                    genome = draw(space, random)
                    pool.append(make(space, method, genome.parents, genome.array(), random))
                    continue
                genome = tournament(past, ranked, 2, random).genome
                if random.random() < 0.5:
                    genome = cross(space, genome, tournament(past, ranked, 2, random).genome, random)
                genes = genome.array()
                if random.random() < 0.3:
                    genes += random.random() * (centre - genes)
                genome = make(space, method, genome.parents, genes, random)
                pool.append(mutate(space, genome, step * random.random(), random))
        return pool
