"""Breeding models: recipes for merges, their search, evaluation, the statistical gate, lineage and rollback.

Rooms, from the top; each one's `__init__` is its public face:

- `report`: rounds, verdicts and family trees as markdown, HTML and plots
- `rounds`: one generation, bred, tested and judged; the watch over a champion after its promotion
- `search`: which recipes to try next; `pretraining`: base models, specialists, checkpoints of a training run
- `lineage`: generations, the champion's pointer, promotion, rollback, rebuilding
- `merge`: recipes carried out by mergekit in worker processes; `evaluate`: items answered by models, cached;
  `regression`: the gate
- `suites`: versioned items of a domain; `recipes`: what a merge is made of, as data; `history`: files of past runs
- `models`: a model as an artifact of the store; `scores`: one model's result on one item
"""
