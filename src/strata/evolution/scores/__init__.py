"""One model's result on one item: what evaluation gives and the gate compares.

Public face: `ItemScore`, `read_scores`, `write_scores`, `BadScores`.

As a file, JSON Lines: `{"domain": "math", "item": "sum-0017", "score": 1.0}`, optionally `"cluster": "sum"`: items
that share a template or a text are not independent, and who judges must know.
"""

from strata.evolution.scores.scores import BadScores, ItemScore, read_scores, write_scores

__all__ = ["BadScores", "ItemScore", "read_scores", "write_scores"]
