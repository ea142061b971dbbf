"""Champions of the shipped models, one of them spoiled, in a store and ledger."""

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from strata.evolution.lineage import Championship, Family
from strata.evolution.models import put_model
from strata.settings import Settings
from strata.store import open_store

SHIPPED = Path("data/evolution")


def spoiled(folder: Path) -> Path:
    """A model of the shipped architecture that is worse than any of them: noise on all weights."""
    shutil.copytree(SHIPPED / "coding", folder)
    weights = load_file(folder / "model.safetensors")
    noise = torch.Generator().manual_seed(0)
    worse = {name: w + w.std() * torch.randn(w.shape, generator=noise) for name, w in weights.items()}
    save_file(worse, str(folder / "model.safetensors"), metadata={"format": "pt"})
    return folder


def plant(settings: Settings, *folders: Path) -> list[str]:
    """Make the models champions, one after the other; returns their digests."""
    store, found = open_store(settings), list[str]()
    with Family(store, settings.ledger) as family, Championship(store, settings.ledger) as championship:
        for folder in folders:
            digest = put_model(store, folder).digest
            family.add_founder(digest, folder.name)
            championship.promote(digest, expected=found[-1] if found else None, reason="planted")
            found.append(digest)
    return found
