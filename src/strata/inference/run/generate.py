"""What a generation is asked for and what it gives, and the one that needs no other machine."""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from strata.inference.decoder.sampling import SamplingParams
from strata.inference.models.checkpoint import Checkpoint
from strata.inference.run.decoding import Decoding
from strata.inference.run.text import Texts, TextStream

OnText = Callable[[int, str], None]
Prompts = Sequence[str] | Sequence[Sequence[int]]


@dataclass(frozen=True)
class GenerationParams:
    """How to answer.

    chat: put text prompts into the model's chat template; stop: tokens that end a row, None for the model's own;
    context: tokens of a row at most, prompt included, None for what the plan was made for (locally: what is needed).
    want_logits keeps the logits of each step in the result.
    """

    max_new_tokens: int = 128
    sampling: SamplingParams = field(default_factory=SamplingParams)
    chat: bool = True
    stop: frozenset[int] | None = None
    context: int | None = None
    want_logits: bool = False


@dataclass(frozen=True)
class StageResult:
    """One stage's part, in bytes.

    peak and baseline: resident memory (`strata.inference.node.daemon` says what an empty node is); sent and received:
    encrypted bytes on the wire since the coordinator connected.
    """

    node: str
    layers: tuple[int, int]
    peak_rss_bytes: int
    baseline_rss_bytes: int
    weight_bytes: int
    kv_bytes: int
    bytes_sent: int
    bytes_received: int


@dataclass(frozen=True)
class GenerationResult:
    """New tokens and text of each row, and what they took. `logits[step]` is (B, V), only when it was wanted."""

    token_ids: list[list[int]]
    text: list[str]
    stages: list[StageResult]
    prompt_tokens: int
    tokens: int
    seconds_to_first_token: float
    seconds_per_token: float
    logits: list[Any] = field(default_factory=list, repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Everything but the logits."""
        document = asdict(self)
        del document["logits"]
        return document


class Generation:
    """A decoding with its clock and its streams of text. context: tokens a row at most where `params` does not say."""

    def __init__(
        self,
        texts: Texts,
        prompts: Prompts,
        params: GenerationParams,
        *,
        context: int | None = None,
        on_text: OnText | None = None,
    ) -> None:
        rows = texts.encode(prompts, chat=params.chat)
        needed = max(map(len, rows), default=0) + params.max_new_tokens
        self.context = params.context or context or needed
        self.decoding = Decoding(
            rows,
            max_new_tokens=params.max_new_tokens,
            context=self.context,
            stop=texts.stop if params.stop is None else params.stop,
            pad=texts.pad,
            on_token=self._token,
        )
        self.logits: list[Any] = []
        self._on_text = on_text
        self._texts = texts
        self._streams = [TextStream(texts) for _ in rows]
        self._prompt_tokens = sum(map(len, rows))
        self._times: list[float] = []

    def start(self) -> list[list[int]]:
        """Start the clock; the first inputs (B, T)."""
        self._times = [time.perf_counter()]
        return self.decoding.first_inputs

    def accept(self, tokens: Sequence[int]) -> list[list[int]]:
        """As `Decoding.accept`."""
        self._times.append(time.perf_counter())
        following = self.decoding.accept(tokens)
        if not following and self._on_text is not None:
            for row, stream in enumerate(self._streams):
                self._show(row, stream.finish())
        return following

    def _token(self, row: int, token: int) -> None:
        if self._on_text is not None:
            self._show(row, self._streams[row].push(token))

    def _show(self, row: int, text: str) -> None:
        if text and self._on_text is not None:
            self._on_text(row, text)

    def result(self, stages: Sequence[StageResult]) -> GenerationResult:
        """What came of it."""
        outputs = self.decoding.outputs
        start, first, *rest = self._times
        return GenerationResult(
            token_ids=outputs,
            text=[self._texts.decode(row) for row in outputs],
            stages=list(stages),
            prompt_tokens=self._prompt_tokens,
            tokens=sum(map(len, outputs)),
            seconds_to_first_token=first - start,
            seconds_per_token=(rest[-1] - first) / len(rest) if rest else 0.0,
            logits=self.logits,
        )


def new_session_name() -> str:
    """A name that nobody can guess."""
    return secrets.token_hex(16)


def generate_locally(
    model: Path,
    prompts: Prompts,
    params: GenerationParams | None = None,
    on_text: OnText | None = None,
    dtype: str | None = None,
) -> GenerationResult:
    """Answer with the whole model in this process: one stage of all layers, and the same decode loop.

    model: a safetensors folder; on_text(row, piece) is called as text comes. Raises CheckpointError, Unsplittable,
    NoTokenizer, ContextExceeded.
    """
    import torch

    from strata.inference.decoder.sampling import Sampler
    from strata.inference.decoder.stage import Stage
    from strata.inference.node.process_memory import peak_resident_bytes, resident_bytes
    from strata.inference.node.sources import TensorSource
    from strata.inference.plan.profile import profile_model

    params = params or GenerationParams()
    checkpoint = Checkpoint.open(model)
    generation = Generation(Texts(model), prompts, params, on_text=on_text)
    profile = profile_model(model, dtype)
    last = len(profile.layers) - 1
    baseline = resident_bytes()
    stage = Stage.build(checkpoint.config, 0, last, profile.dtype)
    stage.load(TensorSource.of_checkpoint(checkpoint), checkpoint.tensors)
    decoding = generation.decoding
    session = stage.new_session(decoding.batch, decoding.padding, generation.context)
    sampler = Sampler(params.sampling, decoding.batch)
    inputs = generation.start()
    with torch.inference_mode():
        while inputs:
            logits = session.forward(torch.tensor(inputs, dtype=torch.int64), want="last_logits")
            if params.want_logits:
                generation.logits.append(logits.float().clone())
            inputs = generation.accept(sampler.next(logits).tolist())
    whole = StageResult(
        node="this process",
        layers=(0, last),
        peak_rss_bytes=peak_resident_bytes(),
        baseline_rss_bytes=baseline,
        weight_bytes=stage.weight_bytes,
        kv_bytes=session.kv_bytes,
        bytes_sent=0,
        bytes_received=0,
    )
    return generation.result([whole])
