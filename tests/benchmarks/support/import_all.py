"""Import modules one after the other in this process and say of each what came of it.

A line of JSON each on stdout: [name, outcome, digest of the names it has and what they are]. Run as
`python import_all.py FOLDER < NAMES`; modules that do not lie below the folder are "elsewhere". A line before each
import says "died": it is the last one where a module takes the process with it.
"""

import hashlib
import importlib
import json
import os
import sys
import warnings


def main() -> None:
    """Import what stdin names."""
    folder, names = sys.argv[1], sys.stdin.read().split()
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what modules print is not an answer
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
