"""`strata imports`: analyse a Python project's imports, standardise them, lower its coupling."""

import typer

from strata.cli.imports_analyse import analyse
from strata.cli.imports_check import check
from strata.cli.imports_connascence import connascence
from strata.cli.imports_coupling import coupling
from strata.cli.imports_migrate import migrate
from strata.cli.imports_plan import plan
from strata.cli.imports_refactor import app as refactor
from strata.cli.imports_resume import resume
from strata.cli.imports_rollback import rollback

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Analyse a project's imports; standardise them, file by file."
)


@app.callback()
def _group() -> None:
    """Analyse a project's imports; standardise them, file by file."""


app.command()(plan)
app.command()(migrate)
app.command()(resume)
app.command()(rollback)
app.command()(analyse)
app.command()(check)
app.command()(coupling)
app.command()(connascence)
app.add_typer(refactor, name="refactor")
