"""The cross-node optimiser: from live measurements to the decision whether layers should move, and whether it paid.

Pure: it decides, and `strata.inference.run.rebalancing` measures and moves.
"""
