"""Import every module of a folder in a fresh process, and say of each what came of it.

Run as `python import_all.py FOLDER < NAMES`, this file is that process: it writes a line of JSON for each module,
[name, outcome, digest of the names it has and what they are], and before each import one that says "died": the last one
where a module takes the process with it.
"""

import hashlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

SECONDS = 600


def import_all(folder: Path, names: list[str]) -> dict[str, tuple[str, str]]:
    """Outcome and digest of names for each module, imported one after the other.

    The outcome is "imported", "elsewhere" for a module from outside of the folder, "died", or an exception's name.
    A process that dies is followed by another, for the modules after the one that ended it.
    """
    found: dict[str, tuple[str, str]] = {}
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {
            "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "HOME": home, "MPLBACKEND": "agg",
            "HF_HUB_OFFLINE": "1", "PYTHONHASHSEED": "0", "PREFECT_HOME": home,
        }  # fmt: skip
        left = names
        while left:
            done = subprocess.run(
                [sys.executable, __file__, str(folder)], input="\n".join(left), env=environment, cwd=home, text=True,
                timeout=SECONDS, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False,
            )  # fmt: skip
            rows = [json.loads(line) for line in done.stdout.splitlines()]
            if not rows:
                raise SystemExit(f"nothing of {folder} could be imported")
            found.update({name: (outcome, digest) for name, outcome, digest in rows})
            left = [name for name in names if name not in found]
    return found


def main() -> None:
    """Import what stdin names."""
    folder, names = sys.argv[1], sys.stdin.read().split()
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what modules print is not an answer
    sys.path.pop(0)  # this file's folder
    warnings.simplefilter("ignore")
    for name in names:
        json.dump([name, "died", ""], out)
        out.write("\n")
        out.flush()
        digest = ""
        try:
            module = importlib.import_module(name)
            outcome = "imported" if str(getattr(module, "__file__", "")).startswith(folder) else "elsewhere"
            found = sorted((key, type(value).__name__) for key, value in vars(module).items())
            digest = hashlib.sha256(json.dumps(found).encode()).hexdigest()
        except BaseException as error:
            outcome = type(error).__name__
        json.dump([name, outcome, digest], out)
        out.write("\n")
        out.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
