"""Detectors that talk over a network which a test can spoil, on simulated time."""

import heapq
import math
import random
from collections import Counter
from itertools import count

from strata.mesh.members import Detector, OpenCharter
from strata.mesh.members.messages import Kind, decode


class Swarm:
    """`carry(sender, receiver)` returns the delays of the copies that arrive: none is a loss, two a duplicate."""

    def __init__(self, seed=0):
        self.now = 0.0
        self.random = random.Random(seed)
        self.carry = lambda sender, receiver: (self.random.uniform(0.001, 0.02),)
        self.nodes = {}
        self.clock = {}  # name: (offset, rate) of its monotonic clock
        self.log = []  # (time, observer, change)
        self.sent = Counter()  # (sender, update) -> times passed on to others than its subject
        self.highest = {}  # (observer, subject) -> incarnation
        self._heap = []
        self._count = count()
        self._wakes = {}

    def add(self, name, seeds=(), address="", clock=(0.0, 1.0), **more):
        self.clock[name] = clock
        source = random.Random(f"{name} {self.random.random()}")
        self.nodes[name] = Detector(name, address, self.local(name), source, **{"charter": OpenCharter(), **more})
        self.nodes[name].join(self.local(name), seeds)
        for key in [key for key in self.highest if key[0] == name]:
            del self.highest[key]  # a new process knows nothing
        self._after(name)
        return self.nodes[name]

    def grow(self, size, **more):
        """A mesh of nodes named n00, n01, ... that know each other."""
        names = [f"n{each:02}" for each in range(size)]
        for name in names:
            self.add(name, [names[0]], address=f"{name}:1", **more)
        self.run(15)
        assert all(node.members == size for node in self.nodes.values())
        return names

    def crash(self, name):
        del self.nodes[name]

    def local(self, name, time=None):
        offset, rate = self.clock[name]
        return offset + rate * (self.now if time is None else time)

    def run(self, seconds):
        end = self.now + seconds
        while self._heap and self._heap[0][0] <= end:
            self.now, _, name, sender, data = heapq.heappop(self._heap)
            if (node := self.nodes.get(name)) is None:
                continue
            if data is not None:
                node.receive(self.local(name), sender, data)
            elif self._wakes.get(name) == self.now:
                node.tick(self.local(name))
            else:
                continue
            self._after(name)
        self.now = end

    def act(self, name, what, *arguments):
        """Call a method of a node that takes the time."""
        getattr(self.nodes[name], what)(self.local(name), *arguments)
        self._after(name)

    def states(self, subject):
        """What each of the others holds of it."""
        return {name: node.state_of(subject) for name, node in self.nodes.items() if name != subject}

    def seen(self, subject, what):
        return [
            (time, observer) for time, observer, change in self.log if (change.peer, change.what) == (subject, what)
        ]

    def _after(self, name):
        node = self.nodes[name]
        self.log += [(self.now, name, change) for change in node.changes()]
        for subject, claim in node.known().items():
            assert claim.incarnation >= self.highest.get((name, subject), 0)
            self.highest[name, subject] = claim.incarnation
        for receiver, data in node.outgoing():
            message = decode(data)
            if message.kind not in (Kind.SYNC, Kind.SYNC_REPLY):
                self.sent.update((name, update) for update in message.updates if update.peer not in (name, receiver))
            for delay in self.carry(name, receiver):
                heapq.heappush(self._heap, (self.now + delay, next(self._count), receiver, name, data))
        offset, rate = self.clock[name]
        if (wake := node.next_call) < math.inf:
            self._wakes[name] = max((wake - offset) / rate, self.now)
            heapq.heappush(self._heap, (self._wakes[name], next(self._count), name, "", None))
