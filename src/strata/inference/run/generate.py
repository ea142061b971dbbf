"""What a generation is asked for, its state while it runs, and what it gives."""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import takewhile
from typing import Any

from strata.inference.decoder.sampling import SamplingParams
from strata.inference.protocol.messages import MAX_DRAFTS
from strata.inference.run.decoding import Decoding
from strata.inference.run.drafting import PromptLookup
from strata.inference.run.errors import StageFailed
from strata.inference.run.stopping import StopTexts, up_to
from strata.inference.run.text import Texts, TextStream
from strata.telemetry import interval

OnText = Callable[[int, str], None]
OnRecovery = Callable[["Recovery"], None]
Prompts = Sequence[str] | Sequence[Sequence[int]]


@dataclass(frozen=True)
class GenerationParams:
    """How to answer.

    chat: put text prompts into the model's chat template; stop: tokens that end a row, None for the model's own;
    stop_texts: texts that end it too, and are left out of it;
    context: tokens of a row at most, prompt included, None for what the plan was made for (locally: what is needed).
    want_logits keeps the logits of each step in the result.

    speculate: guess up to so many of the next tokens (at most MAX_DRAFTS) from what the text has said before, and have
    the stages verify all of them in one step; 0 never does. It pays where a step takes long for other reasons than
    arithmetic (machines far apart, weights read from memory) and where the text repeats its context. The tokens are
    those without it, drawn ones too; but rows computed together are summed in another order, so where two tokens are
    all but equally likely, which in bfloat16 happens, the other one can come. Batches of several rows, and models whose
    cache cannot be taken back (windows, state-space layers), are decoded without it.
    """

    max_new_tokens: int = 128
    sampling: SamplingParams = field(default_factory=SamplingParams)
    chat: bool = True
    stop: frozenset[int] | None = None
    context: int | None = None
    want_logits: bool = False
    speculate: int = 0
    stop_texts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.speculate <= MAX_DRAFTS:
            raise ValueError(f"speculate must be 0 (off) to {MAX_DRAFTS}, not {self.speculate}")
        if not all(self.stop_texts):
            raise ValueError("a text to stop at has at least one character")


@dataclass(frozen=True)
class Asked:
    """What one generation is to answer, who takes its text, and who is told of failures that it survived; the prompts
    are the rows of a batch.
    """

    prompts: Prompts
    params: GenerationParams
    on_text: OnText | None = None
    on_recovery: OnRecovery | None = None


def asked_apart(prompts: Prompts, params: GenerationParams, on_text: OnText | None) -> list[Asked]:
    """The same, a generation for each prompt; what is drawn, and who is told of which row, stay as in one batch."""

    def one(row: int) -> Asked:
        sampling = replace(params.sampling, row=params.sampling.row + row)
        prompt: Any = prompts[row : row + 1]
        shown = None if on_text is None else lambda _, piece: on_text(row, piece)
        return Asked(prompt, replace(params, sampling=sampling), shown)

    return [one(row) for row in range(len(prompts))]


@dataclass(frozen=True)
class StageResult:
    """One stage's part, in bytes.

    peak and baseline: resident memory (`strata.inference.node.daemon` says what an empty node is); sent and received:
    encrypted bytes on the wire since the coordinator connected. leak: what grows on the node from session to session,
    in words; empty unless that is suspected. leak_windows: of samples that the node has looked at since it started.
    """

    node: str
    layers: tuple[int, int]
    peak_rss_bytes: int
    baseline_rss_bytes: int
    weight_bytes: int
    kv_bytes: int
    bytes_sent: int
    bytes_received: int
    leak: str = ""
    leak_windows: int = 0


@dataclass(frozen=True)
class Recovery:
    """A stage that failed in the middle of a generation, which went on.

    response: what was done about it. seconds: from the last token before it (or the beginning) to the next one.
    incident: its key in the ledger, None where no ledger is kept.
    """

    node: str
    layers: tuple[int, int]
    reason: str
    response: str
    seconds: float
    incident: int | None = None


@dataclass(frozen=True)
class GenerationResult:
    """New tokens and text of each row, and what they took. `logits[step]` is (B, V), only when it was wanted.

    waited: seconds from the request until its computation began, for memory or for layers under way; seconds and
    seconds_to_first_token: from then on, to the last and the first token; seconds_per_token: between two tokens of a
    row. What they are of rows that were answered apart, `strata.inference.run.several` says. pauses: seconds between
    two tokens for each time that layers were moved between them on purpose. drafted: tokens that were guessed (see
    `GenerationParams.speculate`), accepted: how many of them the model said too. finish: why each row is at its end,
    "stop" where the model or a text to stop at ended it, "length" where it is as long as it may be.
    """

    token_ids: list[list[int]]
    text: list[str]
    stages: list[StageResult]
    prompt_tokens: int
    tokens: int
    seconds_to_first_token: float
    seconds_per_token: float
    recoveries: list[Recovery] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    waited: float = 0.0
    drafted: int = 0
    accepted: int = 0
    finish: list[str] = field(default_factory=list)
    logits: list[Any] = field(default_factory=list, repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Everything but the logits."""
        document = asdict(self)
        del document["logits"]
        return document


class Generation:
    """A decoding with its clock and its streams of text. context: tokens a row at most where `params` does not say.

    It outlives the run that computes it: another one starts where it stopped. speculate: tokens to guess for a step at
    most, which only one row may have; for a model on which they can be tried.
    """

    def __init__(
        self,
        texts: Texts,
        prompts: Prompts,
        params: GenerationParams,
        *,
        context: int | None = None,
        on_text: OnText | None = None,
        on_recovery: OnRecovery | None = None,
        speculate: int = 0,
    ) -> None:
        rows = texts.encode(prompts, chat=params.chat)
        needed = max(map(len, rows), default=0) + params.max_new_tokens
        self.context = params.context or context or needed
        self._stop = texts.stop if params.stop is None else params.stop
        self.decoding = Decoding(
            rows,
            max_new_tokens=params.max_new_tokens,
            context=self.context,
            stop=self._stop,
            pad=texts.pad,
            on_token=self._token,
        )
        self.logits: list[Any] = []
        self._on_text = on_text
        self._on_recovery = on_recovery
        self._texts = texts
        self._stop_texts = params.stop_texts
        self._streams = [TextStream(texts) for _ in rows]
        self._endings = [StopTexts(params.stop_texts) for _ in rows]
        self._prompt_tokens = sum(map(len, rows))
        self._asked = time.perf_counter()
        self._times: list[float] = []
        self._failures: list[tuple[StageFailed, str, int]] = []
        self.recoveries: list[Recovery] = []
        self.pauses: list[float] = []
        self._moved = False
        self.speculate = speculate if len(rows) == 1 else 0
        self.drafted = self.accepted = 0
        self._lookup = PromptLookup(self.speculate)

    def start(self) -> list[list[int]]:
        """Start the clock, unless it runs; all inputs (B, T) so far, with which a run without a KV cache begins."""
        if not self._times:
            self._times = [time.perf_counter()]
        return self.decoding.inputs_so_far

    def recover(self, failure: StageFailed, response: str, incident: int) -> None:
        """Note that a stage failed and what was done; it counts as a recovery when the next token comes."""
        self._failures.append((failure, response, incident))

    def move(self) -> None:
        """Note that it was stopped so that layers can move; it counts as a pause when the next token comes."""
        self._moved = True

    @property
    def failures(self) -> int:
        """Failures since the last token."""
        return len(self._failures)

    def draft(self) -> tuple[int, ...]:
        """Guesses for the tokens after the next input, up to one that would end the text; often there are none."""
        if self.speculate == 0:
            return ()
        # A step gives one token more than are accepted, so a draft of all that may come would be one too long.
        drafts = self._lookup.draft(self.decoding.inputs_so_far[0], self.decoding.remaining - 1)
        return tuple(takewhile(lambda token: token not in self._stop, drafts))

    def accept(self, tokens: Sequence[int], drafts: Sequence[int] = ()) -> list[list[int]]:
        """As `Decoding.accept`; after a step with `drafts`, `tokens` are those of the only row, one or more."""
        if not drafts:
            return self._accept(tokens)
        self.drafted += len(drafts)
        self.accepted += len(tokens) - 1
        self._lookup.learn(len(tokens) - 1)
        following: list[list[int]] = []
        for token in tokens:
            following = self._accept([token])
            if not following:
                break
        return following

    def _accept(self, tokens: Sequence[int]) -> list[list[int]]:
        before, now = self._times[-1], time.perf_counter()
        self._times.append(now)
        if len(self._times) == 2:
            interval("first token", self._asked, now)
            interval("prompt", before, now, tokens=self._prompt_tokens)
        for failure, response, incident in self._failures:
            recovery = Recovery(failure.node, failure.layers, failure.reason, response, now - before, incident)
            self.recoveries.append(recovery)
            if self._on_recovery is not None:
                self._on_recovery(recovery)
            interval("recovery", before, now, node=failure.node, layers=failure.layers, response=response)
        self._failures.clear()
        if self._moved:
            self.pauses.append(now - before)
            self._moved = False
        following = self.decoding.accept(tokens)
        if not following and self._is_read:
            for row, stream in enumerate(self._streams):
                ending = self._endings[row]
                self._show(row, ending.push(stream.finish()) + ending.finish())
        return following

    @property
    def _is_read(self) -> bool:
        return self._on_text is not None or bool(self._stop_texts)

    def _token(self, row: int, token: int) -> None:
        if self._is_read:
            ending = self._endings[row]
            self._show(row, ending.push(self._streams[row].push(token)))
            if ending.hit:
                self.decoding.finish(row)

    def _show(self, row: int, text: str) -> None:
        if text and self._on_text is not None:
            self._on_text(row, text)

    def result(self, stages: Sequence[StageResult]) -> GenerationResult:
        """What came of it."""
        outputs = self.decoding.outputs
        start, first, *rest = self._times if len(self._times) > 1 else self._times * 2  # an earlier run had it all
        return GenerationResult(
            token_ids=outputs,
            text=[up_to(self._texts.decode(row), self._stop_texts) for row in outputs],
            stages=list(stages),
            prompt_tokens=self._prompt_tokens,
            tokens=sum(map(len, outputs)),
            seconds_to_first_token=first - start,
            seconds_per_token=(rest[-1] - first) / len(rest) if rest else 0.0,
            recoveries=self.recoveries,
            pauses=self.pauses,
            seconds=self._times[-1] - start,
            waited=start - self._asked,
            drafted=self.drafted,
            accepted=self.accepted,
            finish=[
                "stop" if ended or ending.hit else "length"
                for ended, ending in zip(self.decoding.finished, self._endings, strict=True)
            ],
            logits=self.logits,
        )


def new_session_name() -> str:
    """A name that nobody can guess."""
    return secrets.token_hex(16)
