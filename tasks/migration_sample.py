"""The sample project is never changed where it lies: a run migrates a copy of its own."""

import shutil
from pathlib import Path

from strata.settings import Settings

_CACHES = shutil.ignore_patterns("__pycache__", ".pytest_cache", ".strata*")


def fresh_sample(sample: Path, settings: Settings) -> Path:
    """A new copy of the sample in STRATA_HOME, in the place of the one of the run before."""
    copy = (settings.home / "sample" / sample.name).resolve()
    shutil.rmtree(copy, ignore_errors=True)
    return Path(shutil.copytree(sample, copy, ignore=_CACHES))
