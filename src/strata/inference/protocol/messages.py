"""What coordinators and nodes say to each other: headers, of which some come with a payload (a manifest, a piece of a
tensor, activations). Their form on a link is that of all messages of the mesh, `strata.mesh.Codec`.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from strata.mesh import Codec, Message

MAX_HEADER = 1 << 20
MAX_PAYLOAD = 1 << 30
CHUNK_BYTES = 1 << 20
WANT_AT_ONCE = 1024
MAX_BLOCKS = 32
MAX_DRAFTS = 32
MAX_ROWS = 4096
MAX_TARGETS = 1 << 16  # of a row

Name = Annotated[str, Field(min_length=1, max_length=512)]
PeerId = Annotated[str, Field(min_length=1, max_length=128)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
SessionId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Traceparent = Annotated[str, Field(pattern=r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$", max_length=55)]
Reason = Annotated[str, Field(max_length=2000)]
Size = Annotated[int, Field(ge=0, le=1 << 50)]
Count = Annotated[int, Field(ge=1, le=1 << 20)]
Shape = Annotated[tuple[Size, ...], Field(max_length=8)]


class Ping(Message):
    """Answered at once by a Pong. It may carry a payload, to measure how fast that goes."""

    type: Literal["ping"] = "ping"
    number: Size


class Pong(Message):
    """The answer to the Ping of that number."""

    type: Literal["pong"] = "pong"
    number: Size


class Update(Message):
    """The payload is a sealed membership. Answered by Done; an older one is ignored."""

    type: Literal["update"] = "update"


class Done(Message):
    """The request was carried out."""

    type: Literal["done"] = "done"


RefusalCode = Literal[
    "role", "manifest", "tensor", "unsplittable", "memory", "shard", "session", "busy", "unreachable", "other"
]


class Refused(Message):
    """The request was not carried out. `code` is for programs, `reason` for people; `tensor` names the one at fault."""

    type: Literal["refused"] = "refused"
    code: RefusalCode
    reason: Reason
    tensor: Name | None = None
    missing_bytes: Size = 0


class Offer(Message):
    """The payload is a manifest's body, `signature` the sender's over it (hex). Answered by Want, Loaded or Refused.

    store_only: only receive the tensors that are lacking; what the node holds stays, and Done takes Loaded's place.
    standby: the same and, where there is memory that nobody else wants, load them beside what the node holds: Loaded,
    or else Done. An offer that is neither comes before it: the standby is Refused then ("busy").
    """

    type: Literal["offer"] = "offer"
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]
    store_only: bool = False
    standby: bool = False


class Wanted(Message):
    """A tensor that the node lacks, from byte `offset` on."""

    name: Name
    offset: Size


class Want(Message):
    """The tensors to send next, in this order. After the last chunk follows another Want, Loaded or Refused."""

    type: Literal["want"] = "want"
    tensors: Annotated[tuple[Wanted, ...], Field(min_length=1, max_length=WANT_AT_ONCE)]


class Chunk(Message):
    """The payload is the next piece of tensor `name`, which begins at byte `offset`."""

    type: Literal["chunk"] = "chunk"
    name: Name
    offset: Size


class Loaded(Message):
    """The node holds the shard, ready to run."""

    type: Literal["loaded"] = "loaded"
    shard: Digest
    weight_bytes: Size


class Sampling(Message):
    """How the last stage chooses tokens, as `SamplingParams`."""

    temperature: Annotated[float, Field(ge=0, le=100)] = 0.0
    top_k: Size = 0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    seed: Annotated[int, Field(ge=0, lt=1 << 63)] = 0
    row: Annotated[int, Field(ge=0, lt=1 << 32)] = 0


class Open(Message):
    """Begin a session on a shard. Steps come from `previous` (None: the coordinator), results go to `following` (None:
    sampled, to the coordinator). `padding[i]` is the left padding of row i, `drawn` how many tokens of each row were
    chosen before by a session that this one continues, `stages` how many stages of it can be at work at the same time.
    `workspace_bytes` is what a forward takes at most beside the weights and the `kv_bytes`; `kv_cache` is what keys and
    values are held in, None for the shard's dtype; `onward` what hidden states in float32 are sent on as, None for as
    they are. `traceparent`: the span that the session is part of (W3C Trace Context, section 3.2), None where nobody
    traces it. Answered by Done or Refused.
    """

    type: Literal["open"] = "open"
    session: SessionId
    shard: Digest
    padding: Annotated[tuple[Size, ...], Field(min_length=1, max_length=MAX_ROWS)]
    max_context: Count
    kv_bytes: Size
    previous: PeerId | None
    following: PeerId | None
    sampling: Sampling
    drawn: Size = 0
    workspace_bytes: Size = 0
    stages: Count = 1
    kv_cache: Literal["int8"] | None = None
    onward: Literal["bfloat16"] | None = None
    traceparent: Traceparent | None = None


class Step(Message):
    """The next tokens of a session; the payload holds token ids (B, T) int64 or hidden states (B, T, ...).

    more: further steps of the same number follow, and a token is chosen after the last of them only. start: tokens of
    the session before these, where drafts of the step before were rejected: the stage forgets what is beyond (None: it
    has none to forget). drafts: guesses for the tokens of the session's only row, which are this step's tokens after
    the first; the last stage chooses up to the first token that is another one.

    targets: of each row the tokens that follow its inputs at the last N positions of this step, N being how many the
    longest of them are. The last stage chooses none, and answers how likely it finds them (Scored); all of the step's
    tokens can be taken back by the next one's `start`.
    """

    type: Literal["step"] = "step"
    session: SessionId
    number: Size
    shape: Shape
    dtype: Literal["int64", "float64", "float32", "float16", "bfloat16"]
    want_logits: bool = False
    more: bool = False
    start: Size | None = None
    drafts: Annotated[tuple[Size, ...], Field(max_length=MAX_DRAFTS)] = ()
    targets: Annotated[
        tuple[Annotated[tuple[Size, ...], Field(max_length=MAX_TARGETS)], ...], Field(max_length=MAX_ROWS)
    ] = ()


class Tokens(Message):
    """The tokens chosen after step `number`, one a row; after drafts those of its only row, the accepted and one more.

    The payload holds the logits (tokens, V) float32 when wanted.
    """

    type: Literal["tokens"] = "tokens"
    session: SessionId
    number: Size
    ids: Annotated[tuple[Size, ...], Field(max_length=MAX_ROWS)]


class Scored(Message):
    """How likely the targets of step `number` are: the payload holds of each row the sum of the log-probabilities of
    its targets, float64, in nats.
    """

    type: Literal["scored"] = "scored"
    session: SessionId
    number: Size


class Failed(Message):
    """The session cannot go on. `peer` is who is at fault: the sender, or the next stage that it lost."""

    type: Literal["failed"] = "failed"
    session: SessionId
    peer: PeerId
    reason: Reason


class Close(Message):
    """End a session. Answered by Done, also where there is none."""

    type: Literal["close"] = "close"
    session: SessionId


class GetProgress(Message):
    """How far is a session here? Answered by Progress or Refused."""

    type: Literal["get_progress"] = "get_progress"
    session: SessionId


class Progress(Message):
    """Steps (slices of a prompt each count) of a session that have come in, have been computed, and were sent on."""

    type: Literal["progress"] = "progress"
    taken: Size
    computed: Size
    sent: Size


class GetStatus(Message):
    """Answered by Status."""

    type: Literal["get_status"] = "get_status"


class Status(Message):
    """What a node holds and has used, in bytes; traffic is what went over the wire, encrypted, since it started.

    The account of its `memory_bytes`: weights, the caches and the workspace that are promised to sessions, and the
    runtime, which is what the process holds beyond those and an empty node. `standby_bytes` are the weights of shards
    that it has loaded in case. `leak` says what grows from session to session, where that is suspected, by the latest
    of so many windows of samples. `mobile` nodes are metered and sleep at times.
    """

    type: Literal["status"] = "status"
    memory_bytes: Size
    baseline_rss_bytes: Size
    peak_rss_bytes: Size
    weight_bytes: Size
    kv_bytes: Size
    peak_kv_bytes: Size
    bytes_sent: Size
    bytes_received: Size
    sessions: Size
    cache_bytes: Size = 0
    workspace_bytes: Size = 0
    runtime_bytes: Size = 0
    standby_bytes: Size = 0
    leak: Reason = ""
    leak_windows: Size = 0
    mobile: bool = False


class CleanUp(Message):
    """Give back what is not needed: sessions that wait for their coordinator since `idle_seconds`, standbys, scratch
    memory, free heap. Answered by CleanedUp.
    """

    type: Literal["clean_up"] = "clean_up"
    idle_seconds: Annotated[float, Field(ge=1, le=86400)]


class CleanedUp(Message):
    """What the process held before and after, and what was dropped: how many, and the bytes that the account had for
    them.
    """

    type: Literal["cleaned_up"] = "cleaned_up"
    resident_before: Size
    resident_after: Size
    sessions: Size
    session_bytes: Size
    standbys: Size
    standby_bytes: Size


class GetPace(Message):
    """How fast do the sessions here decode? Answered by Pace."""

    type: Literal["get_pace"] = "get_pace"


class PaceBlock(Message):
    """Some decode steps in a row: seconds with at least one of them here, their rows, seconds since the block began."""

    seconds: Annotated[float, Field(ge=0)]
    rows: Count
    age: Annotated[float, Field(ge=0)]


class Pace(Message):
    """The latest blocks on the shard that a node holds (None: no shard), the oldest first, and what prompts took."""

    type: Literal["pace"] = "pace"
    shard: Digest | None
    layers: tuple[Size, Size]
    blocks: Annotated[tuple[PaceBlock, ...], Field(max_length=MAX_BLOCKS)]
    prompt_seconds: Annotated[float, Field(ge=0)]
    prompt_rows: Size


class Measure(Message):
    """Measure this node. Answered by Measured."""

    type: Literal["measure"] = "measure"


class Measured(Message):
    """Free bytes, FLOP/s of a matrix product, bytes/s read from memory."""

    type: Literal["measured"] = "measured"
    memory_bytes: Size
    flops: Annotated[float, Field(gt=0)]
    bandwidth: Annotated[float, Field(gt=0)]


class MeasureLink(Message):
    """Measure the link from this node to `peer`. Answered by LinkMeasured or Refused."""

    type: Literal["measure_link"] = "measure_link"
    peer: PeerId


class LinkMeasured(Message):
    """Seconds one way, bytes/s."""

    type: Literal["link_measured"] = "link_measured"
    latency: Annotated[float, Field(ge=0)]
    bandwidth: Annotated[float, Field(gt=0)]


AnyMessage = (
    Ping | Pong | Update | Done | Refused | Offer | Want | Chunk | Loaded | Open | Step | Tokens | Scored | Failed
    | Close | GetProgress | Progress | GetStatus | Status | CleanUp | CleanedUp | GetPace | Pace | Measure | Measured
    | MeasureLink | LinkMeasured
)  # fmt: skip

_HEADERS: TypeAdapter[AnyMessage] = TypeAdapter(Annotated[AnyMessage, Field(discriminator="type")])

CODEC = Codec(_HEADERS, MAX_HEADER, MAX_PAYLOAD)
