"""Suites for real models, made by reasoning-gym (the extra `reasoning`): seeded items without end.

Only tasks with one right answer, which a model must write after the prompt and before a line's end.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from strata.evolution.suites.item import BadSuite, Item
from strata.evolution.suites.partition import Purpose, block, indices, owner
from strata.evolution.suites.suite import Suite, digest_of

SIZE = 10_000_000  # numbered items of a task
MOST_TRIES = 200  # numbers looked at for each item that is wanted
GYM_TASKS: Mapping[str, tuple[str, ...]] = {
    "coding": ("spell_backward", "string_manipulation", "base_conversion", "binary_alternation"),
    "math": ("chain_sum", "gcd", "lcm", "products"),
    "reasoning": ("leg_counting", "number_sequence", "syllogism", "family_relationships"),
    "language": ("word_sorting", "letter_counting", "word_sequence_reversal", "sentence_reordering"),
}


@dataclass(frozen=True)
class GymSpace:
    """The items of one of reasoning-gym's tasks. Some differ in their number only."""

    name: str
    domain: str
    dataset: Any

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return SIZE

    def item(self, index: int) -> Item:
        """Item number `index`."""
        entry = self.dataset[index]
        question, right = str(entry["question"]).strip(), str(entry["answer"])
        mark = hashlib.sha256(question.encode()).hexdigest()[:16]
        return Item(
            id=f"{self.name}-{mark}",
            domain=self.domain,
            prompt=f"{question}\nThe answer alone, in one line:\n",
            scoring="exact",
            target=right,
            stop="\n",
            cluster=self.name,
        )


@dataclass(frozen=True)
class GymSuite(Suite):
    """A suite whose spaces may hold an item more than once: its text decides what purpose an item is for.

    Draws for two purposes share no item. The gate's draws for two generations share one only where the task itself
    gives the same question for two numbers.
    """

    def draw(self, purpose: Purpose, generation: int, count: int, seed: int) -> tuple[Item, ...]:
        """See `Suite.draw`. Raises BadSuite where a task has too few questions."""
        share = -(-count // len(self.spaces))
        drawn = [self._of(number, purpose, generation, share, seed=seed) for number in range(len(self.spaces))]
        turns = [(number % len(self.spaces), number // len(self.spaces)) for number in range(count)]
        return tuple(drawn[space][turn].of(self.label) for space, turn in turns)

    def _of(self, number: int, purpose: Purpose, generation: int, count: int, *, seed: int) -> Sequence[Item]:
        space, found = self.spaces[number], dict[str, Item]()
        for index in _stream(space.name, purpose, generation, count, seed):
            if len(found) == count:
                break
            item = space.item(index)
            if owner(item.prompt) == purpose:
                found.setdefault(item.prompt, item)
        if len(found) < count:
            raise BadSuite(f"{space.name} gave {len(found)} questions for {purpose}, {count} were asked for")
        return tuple(found.values())


def gym_suite(domain: str, tasks: Sequence[str] | None = None) -> GymSuite:
    """A suite of reasoning-gym's `tasks`; by default those of `GYM_TASKS` for the domain. Raises BadSuite."""
    chosen = tuple(GYM_TASKS.get(domain, ()) if tasks is None else tasks)
    if not chosen:
        raise BadSuite(f"no tasks for {domain!r:.40}; name some, or choose of {', '.join(GYM_TASKS)}")
    try:
        import reasoning_gym

        made = version("reasoning-gym")
    except (ImportError, PackageNotFoundError) as error:
        raise BadSuite("reasoning-gym is not installed: pip install 'strata[reasoning]'") from error
    spaces = []
    for task in chosen:
        try:
            dataset = reasoning_gym.create_dataset(task, size=SIZE, seed=0)
        except (ValueError, AssertionError) as error:
            raise BadSuite(f"reasoning-gym cannot make {task!r:.80}: {error}") from error
        spaces.append(GymSpace(task, domain, dataset))
    return GymSuite(f"gym-{domain}", f"{made}-{digest_of(tuple(spaces), probes=16)}", domain, tuple(spaces))


def _stream(space: str, purpose: Purpose, generation: int, count: int, seed: int) -> Iterator[int]:
    """Numbers of the block of this purpose and generation, shuffled; the first do not depend on `count`."""
    most = min(count * MOST_TRIES, len(block(SIZE, purpose, generation)))
    for index in indices(space, SIZE, purpose, generation, count=most, seed=seed) if most else np.empty(0):
        yield int(index)
