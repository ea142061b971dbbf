"""Records over Noise transport messages, with their lengths encrypted.

A record is a header message, which is the encryption of (kind u8, length u32), and then the data in messages of 65,519
bytes and a last shorter one. So every message has a size the receiver knows beforehand, nothing is in the clear, and a
length is believed only after it has been authenticated. (The Lightning network's BOLT 8 frames the same way, also
over Noise XK.)
"""

import struct
from collections.abc import Iterable, Iterator, Sequence

from cryptography.utils import Buffer

from strata.secure.buffers import reserve
from strata.secure.cipher import TAG_BYTES, CipherState
from strata.secure.errors import ProtocolViolation, RecordTooLarge
from strata.secure.noise import MAX_MESSAGE

MAX_RECORD = 4 << 20  # bytes of plaintext: a chunk of weights is 1 MiB, larger activations are split by the sender

PIECE_BYTES = MAX_MESSAGE - TAG_BYTES
_HEADER = struct.Struct(">BI")
HEADER_MESSAGE_BYTES = _HEADER.size + TAG_BYTES

DATA, CLOSE, WELCOME = 0, 1, 2
WELCOME_BYTES = 2048  # of a welcome that says something: room for an ECHConfigList with a hybrid key, always filled

_CONTROL_BYTES = {CLOSE: (0,), WELCOME: (0, WELCOME_BYTES)}

# Four of the largest messages at a time stay in the second-level cache between encryption and the system call.
_BATCH_PIECES = 4
_BUFFER_BYTES = HEADER_MESSAGE_BYTES + _BATCH_PIECES * MAX_MESSAGE


class RecordWriter:
    """Encrypts records into one reused buffer."""

    def __init__(self, cipher: CipherState) -> None:
        self._cipher = cipher
        self._wire = reserve(_BUFFER_BYTES)
        self._piece = reserve(PIECE_BYTES)

    def write(self, kind: int, buffers: Sequence[Buffer]) -> Iterable[memoryview]:
        """The wire bytes of one record. Each view must be sent before the next is asked for: the buffer is reused."""
        # An empty buffer of several dimensions cannot be cast, and adds nothing.
        views = [view.cast("B") for view in [memoryview(buffer) for buffer in buffers] if view.nbytes]
        length = sum(map(len, views))
        if length > MAX_RECORD:
            raise RecordTooLarge(f"a record has at most {MAX_RECORD} bytes, not {length}")
        wire = self._wire
        self._cipher.encrypt_into(_HEADER.pack(kind, length), wire[:HEADER_MESSAGE_BYTES])
        if length > PIECE_BYTES:
            return self._batches(views, length)
        if not length:
            return (wire[:HEADER_MESSAGE_BYTES],)
        end = HEADER_MESSAGE_BYTES + length + TAG_BYTES
        piece = views[0] if len(views) == 1 else next(self._pieces(views, length))
        self._cipher.encrypt_into(piece, wire[HEADER_MESSAGE_BYTES:end])
        return (wire[:end],)

    def _batches(self, views: list[memoryview], length: int) -> Iterator[memoryview]:
        wire, encrypt_into = self._wire, self._cipher.encrypt_into
        end = HEADER_MESSAGE_BYTES
        for piece in self._pieces(views, length):
            stop = end + len(piece) + TAG_BYTES
            if stop > _BUFFER_BYTES:
                yield wire[:end]
                end, stop = 0, len(piece) + TAG_BYTES
            encrypt_into(piece, wire[end:stop])
            end = stop
        yield wire[:end]

    def _pieces(self, views: list[memoryview], rest: int) -> Iterator[memoryview]:
        """Cut the joined views, of `rest` bytes, into messages; only one that spans two views is copied together."""
        gathered = 0
        for view in views:
            start, size = 0, len(view)
            if gathered:
                start = min(size, PIECE_BYTES - gathered)
                self._piece[gathered : gathered + start] = view[:start]
                gathered += start
                rest -= start
                if gathered < PIECE_BYTES and rest:
                    continue
                yield self._piece[:gathered]
                gathered = 0
            while size - start >= PIECE_BYTES or (start < size and size - start == rest):
                stop = min(size, start + PIECE_BYTES)
                yield view[start:stop]
                rest -= stop - start
                start = stop
            if start < size:
                gathered = size - start
                self._piece[:gathered] = view[start:]
                rest -= gathered


class RecordReader:
    """Puts records together from messages, each decrypted straight into its place."""

    def __init__(self, cipher: CipherState) -> None:
        self.kind = DATA
        self._cipher = cipher
        self._header = bytearray(_HEADER.size)
        self._record: memoryview | None = None
        self._filled = 0

    def read(self, buffer: memoryview, start: int, end: int) -> tuple[int, memoryview | None]:
        """Take the whole messages in `buffer[start:end]` up to the end of a record.

        Returns where the unread bytes begin, and the record if one is complete; `kind` is then its kind. Raises
        Tampered, ProtocolViolation, RecordTooLarge.
        """
        decrypt_into, record, filled = self._cipher.decrypt_into, self._record, self._filled
        if record is None:
            stop = start + HEADER_MESSAGE_BYTES
            if stop > end:
                return start, None
            decrypt_into(buffer[start:stop], self._header)
            record, filled, start = memoryview(bytearray(self._checked_length())), 0, stop
        length = len(record)
        while filled < length:
            upto = min(length, filled + PIECE_BYTES)
            stop = start + upto - filled + TAG_BYTES
            if stop > end:
                self._record, self._filled = record, filled
                return start, None
            decrypt_into(buffer[start:stop], record[filled:upto])
            filled, start = upto, stop
        self._record = None
        return start, record

    def _checked_length(self) -> int:
        """The length in the header just decrypted: authentic, but a member may still be faulty."""
        length: int
        self.kind, length = _HEADER.unpack(self._header)
        if self.kind > WELCOME or (self.kind != DATA and length not in _CONTROL_BYTES[self.kind]):
            raise ProtocolViolation(f"a record of kind {self.kind} and {length} bytes")
        if length > MAX_RECORD:
            raise RecordTooLarge(f"the peer announced a record of {length} bytes; the limit is {MAX_RECORD}")
        return length
