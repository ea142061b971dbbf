"""Records over Noise transport messages, with their lengths encrypted.

A record is a header message, which is the encryption of (kind u8, length u32), and then the data in messages of 65,519
bytes and a last shorter one. So every message has a size the receiver knows beforehand, nothing is in the clear, and a
length is believed only after it has been authenticated. (The Lightning network's BOLT 8 frames the same way, also
over Noise XK.)
"""

import struct
from collections.abc import Iterator, Sequence

from cryptography.utils import Buffer

from strata.secure.cipher import TAG_BYTES, CipherState
from strata.secure.errors import ProtocolViolation, RecordTooLarge
from strata.secure.noise import MAX_MESSAGE

MAX_RECORD = 4 << 20  # bytes of plaintext: a chunk of weights is 1 MiB, larger activations are split by the sender

PIECE_BYTES = MAX_MESSAGE - TAG_BYTES
_HEADER = struct.Struct(">BI")
HEADER_MESSAGE_BYTES = _HEADER.size + TAG_BYTES

DATA, CLOSE, WELCOME = 0, 1, 2

# Four messages at a time stay in the second-level cache between encryption and the system call.
_BATCH_PIECES = 4
_BUFFER_BYTES = HEADER_MESSAGE_BYTES + _BATCH_PIECES * MAX_MESSAGE


class RecordWriter:
    """Encrypts records into one reused buffer."""

    def __init__(self, cipher: CipherState) -> None:
        self._cipher = cipher
        self._wire = memoryview(bytearray(_BUFFER_BYTES))
        self._piece = memoryview(bytearray(PIECE_BYTES))

    def write(self, kind: int, buffers: Sequence[Buffer]) -> Iterator[memoryview]:
        """The wire bytes of one record. Each view must be sent before the next is asked for: the buffer is reused."""
        views = [memoryview(buffer).cast("B") for buffer in buffers]
        length = sum(map(len, views))
        if length > MAX_RECORD:
            raise RecordTooLarge(f"a record has at most {MAX_RECORD} bytes, not {length}")
        return self._encrypt(kind, length, views)

    def _encrypt(self, kind: int, length: int, views: list[memoryview]) -> Iterator[memoryview]:
        wire, encrypt_into = self._wire, self._cipher.encrypt_into
        encrypt_into(_HEADER.pack(kind, length), wire[:HEADER_MESSAGE_BYTES])
        end = HEADER_MESSAGE_BYTES
        for piece in self._pieces(views, length):
            stop = end + len(piece) + TAG_BYTES
            if stop > _BUFFER_BYTES:
                yield wire[:end]
                end, stop = 0, len(piece) + TAG_BYTES
            encrypt_into(piece, wire[end:stop])
            end = stop
        yield wire[:end]

    def _pieces(self, views: list[memoryview], length: int) -> Iterator[memoryview]:
        """Cut the joined views into messages; only a message that spans two views is copied together."""
        gathered = 0
        for view in views:
            start, size = 0, len(view)
            if gathered:
                start = min(size, PIECE_BYTES - gathered)
                self._piece[gathered : gathered + start] = view[:start]
                gathered += start
                length -= start
                if gathered < PIECE_BYTES and length:
                    continue
                yield self._piece[:gathered]
                gathered = 0
            while size - start >= PIECE_BYTES or (start < size and size - start == length):
                stop = min(size, start + PIECE_BYTES)
                yield view[start:stop]
                length -= stop - start
                start = stop
            if start < size:
                gathered = size - start
                self._piece[:gathered] = view[start:]
                length -= gathered


class RecordReader:
    """Puts records together from messages, each decrypted straight into its place."""

    def __init__(self, cipher: CipherState) -> None:
        self._cipher = cipher
        self._header = bytearray(_HEADER.size)
        self._record: memoryview | None = None
        self._kind = DATA
        self._filled = 0

    @property
    def needed(self) -> int:
        """Size of the next message on the wire."""
        if self._record is None:
            return HEADER_MESSAGE_BYTES
        return min(PIECE_BYTES, len(self._record) - self._filled) + TAG_BYTES

    def take(self, message: memoryview) -> tuple[int, memoryview] | None:
        """Decrypt one message of `needed` bytes; the kind and data of a record when it completes one."""
        record = self._record
        if record is None:
            self._cipher.decrypt_into(message, self._header)
            self._kind, length = _HEADER.unpack(self._header)
            if self._kind > WELCOME or (self._kind != DATA and length):
                raise ProtocolViolation(f"a record of unknown kind {self._kind}")
            if length > MAX_RECORD:
                raise RecordTooLarge(f"the peer announced a record of {length} bytes; the limit is {MAX_RECORD}")
            record, self._filled = memoryview(bytearray(length)), 0
        else:
            stop = self._filled + len(message) - TAG_BYTES
            self._cipher.decrypt_into(message, record[self._filled : stop])
            self._filled = stop
        if self._filled < len(record):
            self._record = record
            return None
        self._record = None
        return self._kind, record
