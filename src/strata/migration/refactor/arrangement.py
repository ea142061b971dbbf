"""Which module lies where while moves are tried: each one priced and made in time of the module's edges alone."""

from collections import Counter
from collections.abc import Mapping, Sequence

from strata.migration.coupling import circles, distance
from strata.migration.refactor.layout import Aim, Layout, Limits


class Arrangement:
    """A layout with moves made to it that keep within the limits at every moment.

    Modules and packages are numbers here: the place of a module's name in `modules`, of a package's in `packages`.
    cost: the coupling that the aim names, without the price of the moves. place: the package of each module now; home:
    at first. away: the modules that are not at home, in no order. circle: the packages that are in a cycle with each
    package, at the most.
    """

    def __init__(self, layout: Layout, limits: Limits, aim: Aim = "pairs") -> None:
        self.modules = sorted(layout.package)
        self.packages = sorted(set(layout.package.values()))
        number = {name: at for at, name in enumerate(self.modules)}
        package = {name: at for at, name in enumerate(self.packages)}
        self.home = [package[layout.package[name]] for name in self.modules]
        self.place = list(self.home)
        self.price, self.cost = limits.price, 0.0
        self.away: list[int] = []
        self._at_away: dict[int, int] = {}
        self.movable = [at for at, name in enumerate(self.modules) if name not in layout.fixed]
        self._apart = [[_apart(one, other, aim) for other in self.packages] for one in self.packages]
        self._ways: list[list[tuple[int, float, bool]]] = [[] for _ in self.modules]
        self._pairs: Counter[tuple[int, int]] = Counter()
        for (importer, imported), heavy in layout.weights.items():
            source, target = number[importer], number[imported]
            weight = heavy if aim == "weighted" else 1.0
            self._ways[source].append((target, weight, True))
            self._ways[target].append((source, weight, False))
            ends = self.home[source], self.home[target]
            if ends[0] != ends[1]:
                self.cost += weight * self._apart[ends[0]][ends[1]]
                self._pairs[ends] += 1
        self.neighbours = [tuple(other for other, _, _ in ways) for ways in self._ways]
        self._most_moved = int(limits.moved * len(self.modules))
        self._after: list[set[int]] = [set() for _ in self.packages]
        for one, other in self._pairs:
            self._after[one].add(other)
        self.circle: Mapping[int, frozenset[int]] = {}
        self._most_pairs, self._most_tangled = len(self._pairs), self._find_circles()
        sizes = Counter(self.home)
        self._size = [sizes[at] for at in range(len(self.packages))]
        self._room = [_room(size, max(self._size, default=0), limits) for size in self._size]
        self._closed = [name in layout.closed for name in self.packages]
        self._tops = [name.partition(".")[0] for name in self.packages]
        self._bases = [name.rpartition(".")[2] for name in self.modules]
        self._renames = limits.renames
        self._taken = Counter((self.home[at], base) for at, base in enumerate(self._bases))
        for name in self.packages:  # a package takes a name in the one above it
            above, _, base = name.rpartition(".")
            if above in package:
                self._taken[package[above], base] += 1

    @property
    def value(self) -> float:
        """What is to be lowered: the cost and the price of the moves."""
        return self.cost + self.price * len(self.away)

    @property
    def is_full(self) -> bool:
        """Whether no more modules may be away."""
        return len(self.away) >= self._most_moved

    def gain(self, module: int, to: int) -> float:
        """How far the cost, with the price of the moves, falls when the module goes to that package."""
        place, at, home = self.place, self.place[module], self.home[module]
        here, there = self._apart[at], self._apart[to]
        fall = 0.0
        for other, weight, _ in self._ways[module]:
            beside = place[other]
            fall += weight * (here[beside] - there[beside])
        return fall - self.price * ((to != home) - (at != home))

    def may(self, module: int, to: int) -> bool:
        """Whether the package has room and the name free, and one more may move; a module's own name at home is."""
        home, at = self.home[module], self.place[module]
        if to == at or self._size[to] >= self._room[to]:
            return False
        if to == home:
            return True
        return (
            (at != home or not self.is_full)
            and not self._closed[to]
            and self._tops[to] == self._tops[home]
            and (self._renames or not self._taken[to, self._bases[module]])
        )

    def move(self, module: int, to: int) -> bool:
        """Make a move that `may` allows; False, and nothing made, where pairs of packages or cycles would get more."""
        at = self.place[module]
        appeared = self._go(module, to)
        if len(self._pairs) <= self._most_pairs and not self._tangles(appeared):
            return True
        self._go(module, at)
        return False

    def put(self, module: int, to: int, circle: Mapping[int, frozenset[int]] | None = None) -> None:
        """Move it whatever that does, as back to where it was; with `circle` as it was then, if that is known."""
        self._go(module, to)
        self.circle = circle or {}

    def restore(self, place: Sequence[int]) -> None:
        """Back to what `place` was at some moment."""
        for module, to in enumerate(place):
            if to != self.place[module]:
                self.put(module, to)

    def moves(self) -> dict[str, str]:
        """The package of each module that is not at home."""
        return {self.modules[at]: self.packages[to] for at, to in enumerate(self.place) if to != self.home[at]}

    def _go(self, module: int, to: int) -> list[tuple[int, int]]:
        """The pairs of packages that appeared."""
        at, home, place, pairs = self.place[module], self.home[module], self.place, self._pairs
        self.cost -= self.gain(module, to) + self.price * ((to != home) - (at != home))
        for other, _, imports in self._ways[module]:
            beside = place[other]
            if beside != at:
                gone = (at, beside) if imports else (beside, at)
                pairs[gone] -= 1
                if not pairs[gone]:
                    del pairs[gone]
                    self._after[gone[0]].discard(gone[1])
        appeared = []
        for other, _, imports in self._ways[module]:
            beside = place[other]
            if beside != to:
                come = (to, beside) if imports else (beside, to)
                if come not in pairs:
                    appeared.append(come)
                    self._after[come[0]].add(come[1])
                pairs[come] += 1
        place[module] = to
        self._size[at] -= 1
        self._size[to] += 1
        if at != home:  # a name at home stays taken, by the shim
            self._taken[at, self._bases[module]] -= 1
        if to != home:
            self._taken[to, self._bases[module]] += 1
        self._note(module, is_away=to != home)
        return appeared

    def _note(self, module: int, *, is_away: bool) -> None:
        known = self._at_away.get(module)
        if is_away and known is None:
            self._at_away[module] = len(self.away)
            self.away.append(module)
        elif not is_away and known is not None:
            del self._at_away[module]
            last = self.away.pop()
            if last != module:
                self.away[known], self._at_away[last] = last, known

    def _tangles(self, appeared: list[tuple[int, int]]) -> bool:
        """Whether more packages are in cycles than at first, now that these pairs appeared.

        Every cycle lies inside of a circle that is known, also when any pairs inside of circles come and go; unless it
        goes through a new pair that does not. So they are looked for anew only where there may be such a one.
        """
        circle = self.circle
        if not any(other not in circle.get(one, ()) and self._leads(other, one) for one, other in appeared):
            return False
        if self._find_circles() <= self._most_tangled:
            return False
        self.circle = circle
        return True

    def _leads(self, start: int, end: int) -> bool:
        """Whether a package imports another over however many, all of a circle importing each other."""
        seen, waiting = {start}, [start]
        while waiting:
            at = waiting.pop()
            following = self._after[at] | self.circle.get(at, frozenset())
            if end in following:
                return True
            fresh = following - seen
            seen |= fresh
            waiting += fresh
        return False

    def _find_circles(self) -> int:
        """Learn the circle of each package that is in one; how many these are."""
        number = {name: at for at, name in enumerate(self.packages)}
        found = circles((self.packages[one], self.packages[other]) for one, other in self._pairs)
        members = [frozenset(number[name] for name in names) for names in found]
        self.circle = {each: group for group in members for each in group}
        return len(self.circle)


def _apart(one: str, other: str, aim: Aim) -> float:
    return float(distance(one, other)) if aim == "weighted" else float(one != other)


def _room(size: int, largest: int, limits: Limits) -> int:
    most = int(limits.largest * largest)
    if limits.growth is not None:
        most = min(most, max(size + 1, int(size * (1 + limits.growth))))
    return max(most, size)
