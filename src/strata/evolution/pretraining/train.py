"""One course, carried out so that a killed run goes on where it was, and ends with the same bytes.

Everything random is a function of seed and step, one thread adds in one order, and a saved state holds all that the
next step depends on.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from strata.evolution.pretraining.course import Course, Lessons
from strata.evolution.pretraining.world import VOCABULARY, make_configuration
from strata.evolution.suites import Item
from strata.files import write

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

SAVE_EVERY = 50  # steps
LONGEST_GRADIENT = 1.0  # a longer one is scaled down to this norm
_TOKENS = {token: number for number, token in enumerate(VOCABULARY)}
Weights = Mapping[str, Tensor]
Progress = Callable[[int, int, float], None]


@dataclass(frozen=True)
class Trained:
    """A course's outcome; `loss`: of the last step, in nats a token."""

    weights: Weights
    loss: float


def course_key(course: Course, seed: int, start: Weights | None) -> str:
    """Digest of all that decides the outcome of a course, but for the machine and its libraries."""
    running = hashlib.sha256(json.dumps([asdict(course), seed], sort_keys=True).encode())
    for name, tensor in sorted((start or {}).items()):
        running.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return running.hexdigest()


def train(course: Course, seed: int, start: Weights | None, state: Path, progress: Progress | None = None) -> Trained:
    """Train from `start`, or from new weights, and return the weights.

    `state` is a file that is written now and then, and read if it is of this very course; the caller removes it.
    `progress` gets steps done, of how many, and the loss.
    """
    key = course_key(course, seed, start)
    lessons = Lessons(course, seed)
    with _one_thread():
        model = _model(seed, start)
        optimizer = torch.optim.AdamW(model.parameters(), lr=course.rate)
        done, loss = _restore(state, key, model, optimizer)
        for step in range(done, course.steps):
            for group in optimizer.param_groups:
                group["lr"] = course.rate_at(step)
            loss = _step(model, optimizer, lessons.batch(step))
            if (step + 1) % SAVE_EVERY == 0:
                write(state, _state(key, step + 1, loss, model, optimizer))
            if progress:
                progress(step + 1, course.steps, loss)
    return Trained({name: tensor.detach().clone() for name, tensor in model.state_dict().items()}, loss)


def _step(model: "LlamaForCausalLM", optimizer: torch.optim.Optimizer, items: Sequence[Item]) -> float:
    tokens, targets = collate(items)
    logits = model(input_ids=tokens, use_cache=False).logits[:, :-1]
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), LONGEST_GRADIENT)
    optimizer.step()
    return loss.item()


def collate(items: Sequence[Item]) -> tuple[Tensor, Tensor]:
    """Token ids and what is learned, both items x length: only the answer and its end; -100 elsewhere.

    Padding is on the right, where no token that is learned can see it.
    """
    prompts = [[_TOKENS[letter] for letter in item.prompt] for item in items]
    answers = [[_TOKENS[letter] for letter in f"{item.target}{item.stop}"] for item in items]
    width = max(len(prompt) + len(answer) for prompt, answer in zip(prompts, answers, strict=True))
    tokens = torch.zeros(len(items), width, dtype=torch.long)
    targets = torch.full((len(items), width), -100)
    for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        end = len(prompt) + len(answer)
        tokens[row, :end] = torch.tensor(prompt + answer)
        targets[row, len(prompt) : end] = torch.tensor(answer)
    return tokens, targets


def _model(seed: int, start: Weights | None) -> "LlamaForCausalLM":
    from transformers import LlamaForCausalLM

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(make_configuration())
    if start is not None:
        model.load_state_dict(dict(start))
    model.train()
    return model


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _state(key: str, step: int, loss: float, model: "LlamaForCausalLM", optimizer: torch.optim.Optimizer) -> bytes:
    tensors = dict(model.state_dict())
    for name, parameter in model.named_parameters():
        for moment in ("exp_avg", "exp_avg_sq"):
            tensors[f"{moment} {name}"] = optimizer.state[parameter][moment]
    return save(tensors, {"key": key, "step": str(step), "loss": loss.hex()})


def _restore(state: Path, key: str, model: "LlamaForCausalLM", optimizer: torch.optim.Optimizer) -> tuple[int, float]:
    """Steps done and the last loss; (0, nan) where there is no state of this course."""
    try:
        with safe_open(state, "pt") as file:
            metadata: dict[str, Any] = file.metadata() or {}
            if metadata.get("key") != key:
                return 0, float("nan")
            step = int(metadata["step"])
            model.load_state_dict({name: file.get_tensor(name) for name in model.state_dict()})
            for name, parameter in model.named_parameters():
                moments = {moment: file.get_tensor(f"{moment} {name}") for moment in ("exp_avg", "exp_avg_sq")}
                optimizer.state[parameter] = {"step": torch.tensor(float(step)), **moments}
            return step, float.fromhex(metadata["loss"])
    except (FileNotFoundError, SafetensorError):
        return 0, float("nan")
