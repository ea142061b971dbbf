"""An evolution's home seen from outside: what its ledger and store hold, and whether that is whole."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from strata.evolution.lineage import Championship, damage
from strata.evolution.models import open_model, put_model
from strata.store import CHAMPION, Change, GenerationLog, Incident, IncidentLog, Ledger, Store

CHILDREN = "evolution-children"  # kind of the refs under which rounds keep a generation's children
_ALL = 1_000_000


class Home:
    """The store and the ledger of one STRATA_HOME; every look opens the ledger anew, as a stranger would.

    temporary: TMPDIR of who works here, which is made.
    """

    def __init__(self, folder: Path, temporary: Path) -> None:
        self.folder, self.temporary = folder, temporary
        temporary.mkdir()
        self.store, self.ledger = Store(folder / "store"), f"sqlite:///{folder / 'ledger.sqlite'}"

    @property
    def environment(self) -> dict[str, str]:
        """Of processes that work here; torch's compiler makes a folder for its cache, which is another's than ours."""
        cache = str(self.temporary.with_name("inductor"))
        return {"TMPDIR": str(self.temporary), "TORCHINDUCTOR_CACHE_DIR": cache, "OMP_NUM_THREADS": "1"}

    def champion(self) -> str:
        """Digest of the champion; raises AssertionError where there is none."""
        with Ledger(self.ledger) as ledger:
            pointer = ledger.pointer(CHAMPION)
        assert pointer is not None
        return pointer.digest

    def history(self) -> tuple[Change, ...]:
        """Changes of the champion, the latest first."""
        with Championship(self.store, self.ledger) as championship:
            return championship.history()

    def promote(self, model: Path, reason: str) -> str:
        """Make a model folder champion, whatever any gate would say; its digest."""
        digest = put_model(self.store, model).digest
        with Championship(self.store, self.ledger) as championship:
            championship.promote(digest, expected=self.champion(), reason=reason)
        return digest

    def incidents(self, after: int = 0) -> tuple[Incident, ...]:
        """Incidents with larger ids, the oldest first."""
        with IncidentLog(self.ledger) as log:
            return tuple(each for each in reversed(log.recent("evolution", _ALL)) if each.id > after)

    def generations(self) -> dict[int, str]:
        """States of all generations."""
        with GenerationLog(self.ledger) as log:
            return {each.id: each.state for each in log.recent(_ALL)}

    def running(self) -> int | None:
        """The generation under way."""
        return next((number for number, state in self.generations().items() if state == "running"), None)

    def search_state(self) -> str | None:
        """Digest of what the search has learnt."""
        with GenerationLog(self.ledger) as log:
            return log.latest_strategy()

    def children(self, generation: int) -> list[dict[str, Any]]:
        """What is known of the children of a generation, as rounds keep it."""
        ref = self.store.ref(CHILDREN, str(generation))
        return [] if ref is None else json.loads(self.store.read(ref.digest))

    def plant(self, generation: int, place: int, child: Mapping[str, Any]) -> None:
        """Have a child be another than it is."""
        children = self.children(generation)
        children[place] |= child
        self.store.put_artifact(json.dumps(children, sort_keys=True).encode(), CHILDREN, str(generation))

    def weights(self, model: str) -> str:
        """Digest of the blob that holds a model's weights."""
        return open_model(self.store, model).files["model.safetensors"]

    def corrupt(self, blob: str) -> None:
        """Turn over one bit in the midst of a blob, as a failing disk does."""
        path = self.store.layout.blob(blob)
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 2)
            byte = file.read(1)
            file.seek(-1, 1)
            file.write(bytes([byte[0] ^ 1]))

    def dangling(self) -> str | None:
        """What is wrong with the champion, if anything: it must be there, and every byte of it be right."""
        with Ledger(self.ledger) as ledger:
            pointer, moves = ledger.pointer(CHAMPION), ledger.history(CHAMPION)
        if pointer is None:
            return "there is no champion"
        explained = [change.revision for change in self.history()]
        if pointer.digest != moves[0].digest or explained != [move.revision for move in moves]:
            return "the pointer does not stand where its history says"
        return damage(self.store, pointer.digest)

    def collected(self) -> str | None:
        """Collect what nobody needs, without grace, while nobody writes; what is wrong with the rest, if anything."""
        with Ledger(self.ledger) as ledger:
            roots = ledger.digests()
        self.store.gc(0, roots)
        report = self.store.verify(roots)
        return None if report.sound else f"corrupt: {report.corrupt}, missing: {report.missing}"

    def strays(self, seconds: float) -> list[str]:
        """Command lines of processes that still work here after so many seconds, which are ended then.

        They are known by their TMPDIR, which whatever is started by others inherits.
        """
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("TMPDIR") == str(self.temporary):
                    found.append(process)
        _, alive = psutil.wait_procs(found, timeout=seconds)
        told = []
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                told.append(" ".join(process.cmdline()))
                process.kill()
        return told

    def leftovers(self) -> list[str]:
        """Temporary files and folders, of which there are none while no process works here."""
        layout = self.store.layout
        inside = [*layout.staging.glob("*"), *layout.partials.glob("*"), *(layout.root / "merging").glob("*")]
        return sorted(map(str, (*inside, *self.temporary.iterdir())))
