"""Sources in JavaScript, with the packages that their lock names."""

import shutil
import subprocess
from pathlib import Path

import pytest

INSTALL_SECONDS = 240


def installed(sources: Path, folder: Path) -> Path:
    """Copy the sources to `folder`, which is not there yet, and install what they need; skips loudly if that fails."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("NOT TESTED: node and npm are not installed, so js-libp2p cannot run")
    shutil.copytree(sources, folder, ignore=shutil.ignore_patterns("node_modules"))
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"NOT TESTED: npm could not install js-libp2p: {done.stderr.strip()[-300:]}")
    return folder
