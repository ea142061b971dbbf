"""A module at an old name that becomes the one at the new name, so that both names are one module.

Its classes keep their identity, old pickles load, and a patch of either name reaches all.
"""

import re

_MARK = re.compile(rb"# strata: moved to ([\w.]+)", re.ASCII)


def shim_text(new: str) -> bytes:
    """The source of a shim. Importing it gives the module `new`: the import system reads `sys.modules` afterwards."""
    return (
        f"# strata: moved to {new}; importing this old name gives that very module.\n"
        f'import sys\n\nimport {new}\n\nsys.modules[__name__] = sys.modules["{new}"]\n'
    ).encode()


def shim_target(data: bytes) -> str | None:
    """The new name that a shim stands for; None for any other file."""
    found = _MARK.match(data)
    return found[1].decode() if found and data == shim_text(found[1].decode()) else None
