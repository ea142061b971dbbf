"""What the commands of `strata mesh` share: where things lie, and reading a description of a mesh."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strata.errors import StrataError

if TYPE_CHECKING:
    from strata.secure import Identity

Home = Annotated[Path | None, typer.Option("--home", help="Folder of this machine's identity. Default: STRATA_HOME.")]
Mesh = Annotated[Path | None, typer.Option("--mesh", help="The membership file. Default: `mesh` in the home folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]

_MOST_BYTES = 1 << 28


def paths(home: Path | None, mesh: Path | None) -> tuple[Path, Path]:
    """The home folder and the membership file, where they are not given the usual ones."""
    from strata.settings import Settings

    home = home or Settings().home
    return home, mesh or home / "mesh"


def identity_of(home: Path, *, create: bool = False) -> "Identity":
    """This machine's identity; `create` makes one the first time. Raises IdentityError."""
    from strata.secure import Identity

    path = home / "identity.json"
    if create and not path.exists():
        Identity.generate().save(path)
    return Identity.load(path)


def read_text(path: Path) -> bytes:
    """What a file holds; raises StrataError where it cannot be read, or is too large to be such a description."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise StrataError(f"{path} is larger than {_MOST_BYTES >> 20} MiB: that is no description of a mesh")
        return path.read_bytes()
    except OSError as error:
        raise StrataError(f"{path} cannot be read: {error.strerror or error}") from error
