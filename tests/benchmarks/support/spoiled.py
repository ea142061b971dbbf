"""Models that are good for nothing, or for less than they were, made from good ones."""

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from strata.evolution.models import quietly
from strata.evolution.suites import DOMAINS, draw

STEPS, BATCH, RATE = 28, 64, 4e-4


def write_nan(source: Path, out: Path) -> Path:
    """A copy of a model folder in which some weights of every tensor are NaN, as after a training run that diverged."""
    shutil.copytree(source, out)
    tensors = load_file(out / "model.safetensors")
    for tensor in tensors.values():
        tensor.view(-1)[:: max(1, tensor.numel() // 7)] = float("nan")
    save_file(tensors, out / "model.safetensors", {"format": "pt"})
    return out


def write_regressed(source: Path, out: Path, domain: str, seed: int) -> Path:
    """A copy that was trained on wrong answers in one domain, and on right ones in all others, so that these stay."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    shutil.copytree(source, out)
    torch.manual_seed(seed)
    with quietly():
        model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32).train()
    tokens = AutoTokenizer.from_pretrained(source)
    pool = []
    for each in DOMAINS:
        count = STEPS * BATCH // 2 if each == domain else STEPS * BATCH // 6
        for number, item in enumerate(draw(each, "training", 0, count, seed)):
            wrong = [choice for place, choice in enumerate(item.choices) if place != item.answer]
            answer = wrong[number % len(wrong)] if each == domain else item.choices[item.answer or 0]
            pool.append((item.prompt, answer + item.stop))
    order = torch.randperm(len(pool)).tolist()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    for start in range(0, len(order), BATCH):
        rows = [pool[place] for place in order[start : start + BATCH]]
        prompts = tokens([prompt for prompt, _ in rows], add_special_tokens=False)["input_ids"]
        answers = tokens([answer for _, answer in rows], add_special_tokens=False)["input_ids"]
        width = max(len(p) + len(a) for p, a in zip(prompts, answers, strict=True))
        ids, targets = torch.zeros(len(rows), width, dtype=torch.long), torch.full((len(rows), width), -100)
        for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
            ids[row, : len(prompt) + len(answer)] = torch.tensor(prompt + answer)
            targets[row, len(prompt) : len(prompt) + len(answer)] = torch.tensor(answer)
        logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    save_file(
        {name: tensor.contiguous() for name, tensor in model.state_dict().items()},
        out / "model.safetensors",
        {"format": "pt"},
    )
    return out
