"""Records what TCP carries over loopback, as an eavesdropper with a packet socket would see it."""

import os
import select
import socket
import struct
import threading
from collections.abc import Collection
from types import TracebackType
from typing import Self

_ETH_P_IP = 0x0800  # packets that arrive; ETH_P_ALL would show each on loopback twice
_SOL_PACKET, _PACKET_STATISTICS = 263, 6  # linux/if_packet.h
_SO_RCVBUFFORCE = 33
_BUFFER_BYTES = 256 << 20
_TCP = 6

Flow = tuple[int, int]  # source port, destination port


def can_capture() -> bool:
    """Whether this process may open packet sockets (Linux, CAP_NET_RAW)."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0).close()
    except (AttributeError, PermissionError):
        return False
    return True


class LoopbackCapture:
    """Within `with`, collects the TCP payload of IPv4 connections on loopback that use one of `ports` (all if None).

    After it: `streams` has the payload of each flow in order, `dropped` how many packets the kernel could not keep,
    `gaps` how many stretches are missing for that reason. `in` searches every stream for a byte string.
    """

    def __init__(self, ports: Collection[int] | None = None) -> None:
        self.streams: dict[Flow, bytearray] = {}
        self.dropped = 0
        self.gaps = 0
        self._ports = None if ports is None else frozenset(ports)
        self._expected: dict[Flow, int] = {}
        self._waiting: dict[Flow, dict[int, bytes]] = {}

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
        self._socket.setblocking(False)
        self._socket.bind(("lo", _ETH_P_IP))
        self._stop_reader, self._stop_writer = os.pipe()
        self._thread = threading.Thread(target=self._run, name="loopback capture")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._stop_writer)
        self._thread.join()
        self._append_what_waits()
        os.close(self._stop_reader)
        statistics = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        self.dropped = struct.unpack("=II", statistics)[1]
        self._socket.close()

    def __contains__(self, data: bytes) -> bool:
        return any(data in stream for stream in self.streams.values())

    @property
    def total(self) -> int:
        """Bytes of payload collected."""
        return sum(map(len, self.streams.values()))

    def _run(self) -> None:
        buffer = memoryview(bytearray(1 << 17))
        stopping = False
        while not stopping:
            ready, _, _ = select.select([self._socket, self._stop_reader], [], [])
            stopping = self._stop_reader in ready  # what was sent before is already queued: read it all
            while True:
                try:
                    self._take(buffer[: self._socket.recv_into(buffer)])
                except BlockingIOError:
                    break

    def _take(self, packet: memoryview) -> None:
        if packet[9] != _TCP:
            return
        segment = packet[(packet[0] & 15) * 4 :]
        source, destination, sequence = struct.unpack_from(">HHI", segment)
        if self._ports is not None and not {source, destination} & self._ports:
            return
        flow, payload = (source, destination), segment[(segment[12] >> 4) * 4 :]
        if segment[13] & 2:  # SYN: a new connection, perhaps on ports used before
            self._expected[flow] = (sequence + 1) & 0xFFFFFFFF
        if not payload:
            return
        # Packets of one flow can arrive out of order when its sender changes processors.
        waiting = self._waiting.setdefault(flow, {})
        waiting[sequence] = bytes(payload)
        self._expected.setdefault(flow, sequence)
        while (segment := waiting.pop(self._expected[flow], None)) is not None:
            self._append(flow, segment)

    def _append(self, flow: Flow, payload: bytes) -> None:
        self.streams.setdefault(flow, bytearray()).extend(payload)
        self._expected[flow] = (self._expected[flow] + len(payload)) & 0xFFFFFFFF

    def _append_what_waits(self) -> None:
        """At the end: what follows a gap is kept too, so that a search misses nothing that was seen."""
        for flow, waiting in self._waiting.items():
            while waiting:
                nearest = min(waiting, key=lambda sequence: (sequence - self._expected[flow]) & 0xFFFFFFFF)
                payload = waiting.pop(nearest)
                if (self._expected[flow] - nearest - len(payload)) & 0xFFFFFFFF < 1 << 31:
                    continue  # sent again, though it had come
                self.gaps += 1
                self._expected[flow] = nearest
                self._append(flow, payload)
