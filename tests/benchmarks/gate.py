"""The gate by simulation: how often it is right, how often it is wrong, and how many items it takes.

In every run four domains with the margins .03, .04, .03, .04 are watched by the very functions that decide in
production (`strata.evolution.regression.sequential`, `fixed`, `intervals`), 50 items of each undecided domain a look.

The mix of true differences, each at discordance psi .05, .15 and .4 (where a drop is larger than psi, psi is the drop
plus .01):
    at least as good everywhere   no difference; +.01, +.02 or +.03 everywhere; +.03 in one domain; +.05 in two
    small drops                   half the margin in one domain; in all; -.01 in three, made up for by +.03 in one
    drops of a margin or more     one in coding; in math; in coding with +.03 elsewhere; one and a half; two; three; one
                                  in all domains

Figures, each the mean over its cells with its standard error, and `_worst` the worst cell (its excess over the mean is
partly chance):
    sensitivity      verdict regress for a drop of a margin or more; inconclusive counts as a miss
    false_alarm      verdict regress for models at least as good everywhere, over four domains together
    wrong_promotion  verdict promote for a drop of a margin or more
    inconclusive     of all runs; most are models without a gain, which end so by design: nothing to promote, no alarm
    promoted         of models that gain .02 or more in the mean over domains; `idle_promotion_worst`: of models that
                     gain nothing in the mean or lose
    items_ratio      items, all domains and all cells, over those of a test of fixed size with the same error rates
    held_up_worst    share of good candidates that only the second detector kept from promotion; `second_detector`
                     measures it apart, on templates that collapse while others make up for them

The peers see the same worlds: `fixed` is `judge`'s rule on the size that its error rates take, told the true variance
that nobody knows; `naive` compares measured differences with the margins at that size; `peeking` makes a z test every
50 items up to it. A test of drop 0 against a margin needs (z(.05 / 4) + z(.05))^2 psi / margin^2 = 15.1 psi / margin^2
items: at psi .15, 2,517 a domain with margin .03, 1,415 with .04, 7,866 in all four. The size is what makes a drop of
exactly the margin flagged at .95 and no difference in four domains at most at .05: with fewer no rule does both.
Sequentially the same takes about half, less where the difference is clear, more where it is half a margin.

Variants: `clustered`, items from templates of 8, with a cluster-robust variance (the fixed size then knows the design
effect); `clusters_untold`, the same items without their clusters' names, which no rule survives; `graded`, scores of
any size with heavy tails. There is no `limit`: for a mix of differences no least number of items is known.
"""

import argparse
import json
import math

import numpy as np
from support.paired_worlds import CLUSTER, Flips, Graded, Templates, Untold, collapsing

from strata.evolution.regression import GatePolicy
from strata.evolution.regression.fixed import better_p_value, states
from strata.evolution.regression.intervals import drop_p_value, mcnemar
from strata.evolution.regression.sequential import NO, Course, advance, promotable, wanted
from strata.evolution.regression.shift import shifted_domains
from strata.evolution.regression.summary import Summary

POLICY = GatePolicy()
MARGINS = POLICY.margins_of(["coding", "math", "reasoning", "language"])
LOOK = 50
DISCORDANCE = (0.05, 0.15, 0.4)
ONE, MATH, TWO, ALL = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]], dtype=float)
GOOD = {
    "no difference": 0 * ALL,
    "+.01 everywhere": 0.01 * ALL,
    "+.02 everywhere": 0.02 * ALL,
    "+.03 everywhere": 0.03 * ALL,
    "+.03 in one": 0.03 * ONE,
    "+.05 in two": 0.05 * TWO,
}
GAINS = ("+.02 everywhere", "+.03 everywhere", "+.05 in two")
SMALL = {
    "half a margin in one": -MARGINS * ONE / 2,
    "half a margin in all": -MARGINS / 2,
    "+.03 in one, -.01 elsewhere": 0.04 * ONE - 0.01 * ALL,
}
BAD = {
    "a margin in coding": -MARGINS * ONE,
    "a margin in math": -MARGINS * MATH,
    "a margin in coding, +.03 elsewhere": -MARGINS * ONE + 0.03 * (ALL - ONE),
    "one and a half in coding": -1.5 * MARGINS * ONE,
    "two in coding": -2 * MARGINS * ONE,
    "three in math": -3 * MARGINS * MATH,
    "a margin in all": -MARGINS,
}
CURVE = (1, 0.5, 0, -0.25, -0.5, -0.75, -1, -1.25, -1.5, -2, -3)


def world(kind, delta, psi):
    """A world in which a domain's discordance allows its difference."""
    return kind(delta, np.maximum(psi, np.abs(delta) + 0.01 * (np.abs(delta) >= psi)))


def summary_of(sums, binary):
    """A `Summary` of what worlds draw."""
    shape = sums.shape[1:]
    return Summary(*sums, np.full(shape, binary), np.ones(shape))


def watch(given, random, runs, look):
    """The gate in production: verdicts and items of each run, and which runs the second detector held up."""
    shape = (runs, len(MARGINS))
    sums, course, active = np.zeros((6, *shape)), Course.begin(shape, anchor=False), np.arange(runs)
    more = np.full(shape, True)
    while len(active):
        sums[:, active] += given.draw(random, look * more[active])
        seen = summary_of(sums[:, active], given.binary)
        before = Course(course.sound[active], course.anchored[active], course.better[active])
        after = advance(before, seen, None, MARGINS, POLICY)
        course.sound[active], course.better[active] = after.sound, after.better
        more[active] = wanted(after, seen, None, MARGINS, POLICY)
        active = active[more[active].any(axis=1)]
    seen, promoted = summary_of(sums, given.binary), promotable(course)
    shifted = np.zeros(runs, dtype=bool)
    if given.binary:  # elsewhere the detector needs the scores themselves; measured apart
        shifted = (mcnemar(seen.gained, seen.lost) <= POLICY.shift_share / len(MARGINS)).any(axis=1)
    return (course.sound == NO).any(axis=1), promoted & ~shifted, sums[0].sum(axis=1), promoted & shifted


def fixed_sizes(given, look):
    """Items a domain of a test of fixed size, in whole looks."""
    sizes = POLICY.fixed_items(len(MARGINS), given.variance(), MARGINS)
    return (np.ceil(sizes / look) * look).astype(int)


def once(given, random, runs, look):
    """On samples of fixed size, the verdicts (regress, promote) of `judge`'s rule, of the naive one and of peeking."""
    sizes = fixed_sizes(given, look)
    sums, alarmed = np.zeros((6, runs, len(MARGINS))), np.zeros(runs, dtype=bool)
    for first in range(0, int(sizes.max()), look):
        sums += given.draw(random, np.broadcast_to(np.where(sizes > first, look, 0), sums.shape[1:]))
        seen = summary_of(sums, given.binary)
        error = np.sqrt(np.maximum(seen.variance(), 1e-12))
        alarmed |= (seen.difference < -1.645 * error).any(axis=1)
    sound, dropped = states(seen, drop_p_value(seen), MARGINS, POLICY)
    better = better_p_value(seen) <= POLICY.alpha
    beyond = (seen.difference < -MARGINS).any(axis=1)
    return {
        "fixed": (dropped.any(axis=1), sound.all(axis=1) & better),
        "naive": (beyond, ~beyond & (seen.difference.mean(axis=1) > 0)),
        "peeking": (alarmed, ~alarmed & better),
    }


def measure(kind, discordance, runs, seed, look, *, peers):
    """A row for each cell of the mix."""
    rows = []
    for psi in discordance:
        for family, cells in (("good", GOOD), ("small", SMALL), ("bad", BAD)):
            for number, (name, delta) in enumerate(cells.items()):
                random = np.random.default_rng([seed, int(1000 * psi), len(family), number])
                given = world(kind, delta, psi)
                regress, promote, items, held = watch(given, random, runs, look)
                row = {"family": family, "name": name, "psi": psi, "held": held.mean()}
                row |= {"items": items.mean(), "fixed_items": float(fixed_sizes(given, 1).sum())}
                row["ours"] = regress.mean(), promote.mean()
                if peers:
                    row |= {rule: (a.mean(), b.mean()) for rule, (a, b) in once(given, random, runs, look).items()}
                rows.append(row)
                print(
                    f"{kind.__name__:9} psi {psi:<4}  {name:34}  regress {regress.mean():6.2%}"
                    f"  promote {promote.mean():6.2%}  items {items.mean():6.0f}"
                    f" ({items.mean() / row['fixed_items']:4.0%} of {row['fixed_items']:.0f})",
                    flush=True,
                )
    return rows


def figures(rows, rule, runs):
    """The rates of one rule: mean over cells, worst cell, and standard errors."""
    found = {}
    for name, family, column, worst in (
        ("sensitivity", "bad", 0, min),
        ("false_alarm", "good", 0, max),
        ("wrong_promotion", "bad", 1, max),
    ):
        rates = [row[rule][column] for row in rows if row["family"] == family]
        spread = [rate * (1 - rate) / runs for rate in rates]
        found |= {name: float(np.mean(rates)), f"{name}_se": math.sqrt(sum(spread)) / len(rates)}
        found |= {
            f"{name}_worst": float(worst(rates)),
            f"{name}_worst_se": math.sqrt(spread[rates.index(worst(rates))]),
        }
    found["inconclusive"] = float(np.mean([1 - sum(row[rule]) for row in rows]))
    if rule == "ours":
        found["items_ratio"] = sum(row["items"] for row in rows) / sum(row["fixed_items"] for row in rows)
        found["items_ratio_mean_of_cells"] = float(np.mean([row["items"] / row["fixed_items"] for row in rows]))
        found["items_ratio_worst"] = float(max(row["items"] / row["fixed_items"] for row in rows))
        found["held_up_worst"] = float(max(row["held"] for row in rows if row["family"] == "good"))
    idle = [name for name, delta in (GOOD | SMALL | BAD).items() if delta.mean() < 1e-9]
    found["idle_promotion_worst"] = float(max(row[rule][1] for row in rows if row["name"] in idle))
    found["promoted"] = float(np.mean([row[rule][1] for row in rows if row["name"] in GAINS]))
    return {name: round(float(value), 4) for name, value in found.items()}


def second_detector(runs, seed):
    """Share of candidates held up, of four domains with 60 templates, by the share that collapsed in one of them."""
    held = {}
    for share in (0.0, 0.1, 0.2, 0.3):
        random = np.random.default_rng([seed, 9, int(10 * share)])
        found = [
            shifted_domains({str(at): collapsing(random, 60, share * (at == 0)) for at in range(4)}, POLICY.shift_share)
            for _ in range(runs)
        ]
        held[f"{share:g}"] = float(np.mean([bool(domains) for domains in found]))
        print(
            f"second detector: {share:4.0%} of the templates of one domain collapse  held up {held[f'{share:g}']:6.2%}"
        )
    return held


def power_curve(runs, seed):
    """Share called a regression by true difference in coding alone, in margins, at psi .15."""
    curve = {}
    for times in CURVE:
        given = world(Flips, times * MARGINS * ONE, 0.15)
        random = np.random.default_rng([seed, 7, int(100 * (times + 4))])
        verdicts = once(given, random, runs, LOOK) | {"ours": watch(given, random, runs, LOOK)[:2]}
        curve[f"{times:+g}"] = {rule: round(float(verdict[0].mean()), 4) for rule, verdict in verdicts.items()}
        print(f"coding {times:+5.2f} margins: " + "  ".join(f"{k} {v:6.2%}" for k, v in curve[f"{times:+g}"].items()))
    return curve


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=4000, help="simulated candidates of each cell")
    options.add_argument("--seed", type=int, default=1, help="of everything random")
    arguments = options.parse_args()
    runs, seed = arguments.runs, arguments.seed

    rows = measure(Flips, DISCORDANCE, runs, seed, LOOK, peers=True)
    ours = figures(rows, "ours", runs)
    few, whole = max(runs // 4, 10), LOOK // CLUSTER * CLUSTER
    variants = {}
    for name, kind, discordance, look in (
        ("clustered", Templates, DISCORDANCE[:2], whole),
        ("clusters_untold", Untold, DISCORDANCE[1:2], whole),
        ("graded", Graded, DISCORDANCE[1:2], LOOK),
    ):
        variants[name] = figures(measure(kind, discordance, few, seed, look, peers=False), "ours", few)
    peers = {rule: figures(rows, rule, runs) for rule in ("fixed", "naive", "peeking")}
    for name, found in {"ours": ours, **peers, **variants}.items():
        print(f"{name:16} " + "  ".join(f"{key} {value}" for key, value in found.items() if "_se" not in key))
    items, fixed_items = (sum(row[key] for row in rows) / len(rows) for key in ("items", "fixed_items"))
    result = {"name": "gate", "ours": items, "peer": fixed_items, "unit": "items", "ratio": fixed_items / items}
    result |= {"limit": None, **ours, "runs": runs, "cells": len(rows)}
    result |= {"second_detector": second_detector(max(runs // 10, 10), seed), "power": power_curve(few, seed)}
    print(json.dumps(result | peers | variants))


if __name__ == "__main__":
    main()
