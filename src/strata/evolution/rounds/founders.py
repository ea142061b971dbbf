"""Models that generations begin with: folders, or models that lie in the store already."""

from dataclasses import dataclass
from pathlib import Path

from strata.evolution.models import find_model, put_model
from strata.store import Store


@dataclass(frozen=True)
class Stored:
    """A model of the store: its digest, and what it is called."""

    name: str
    digest: str


Founder = Path | Stored


def find_founder(store: Store, text: str) -> Founder:
    """The folder of that path; or the model of the store with that name, such as `my-run-1000`, or that digest.

    What is none of them is taken for a folder, whose absence is told where it is opened.
    """
    folder = Path(text)
    if folder.is_dir():
        return folder
    digest = find_model(store, text)
    return folder if digest is None else Stored(text[:12] if text == digest else text, digest)


def enter_founder(store: Store, founder: Founder) -> str:
    """The founder's digest, once it is in the store. Raises BadModel for a folder that holds no model."""
    return founder.digest if isinstance(founder, Stored) else put_model(store, founder).digest
