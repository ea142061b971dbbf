"""`strata imports resume`: go on with a migration that was broken off."""

from pathlib import Path

from strata.cli.imports_reading import Json, TreeFolder
from strata.cli.imports_showing import bar, places, reading, show_outcome


def resume(tree: TreeFolder = Path(), as_json: Json = False) -> None:
    """Go on with the project's open migration as it was begun, from where it was broken off."""
    from strata.migration.run import migrate

    with bar() as progress:
        outcome = migrate(reading(tree), tree, None, progress=progress, **places())
    show_outcome(outcome, as_json=as_json)
