"""The `strata` command.

Public face: `main()`.

Each command lives in a module of this package that is imported only when the command is used, so that `strata --help`
stays quick. `COMMANDS` maps a command's name to ``("module:attribute", one line of help)``; the attribute is either

- a `typer.Typer`: mounted as a group of commands (`strata store gc`), or
- a plain function with typer annotations: mounted as one command (`strata plan`).

These modules import nothing heavy at their top either; the functions do. A function raises a `StrataError` for what the
user can mend: it becomes one line on stderr and exit status 2, also from inside an exception group. Ctrl-C exits 130.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

from strata.errors import StrataError

COMMANDS: Mapping[str, tuple[str, str]] = {
    "gate": ("strata.cli.gate:gate", "Say whether a model may replace another, from scores by item."),
    "generate": ("strata.cli.inference:generate", "Answer a prompt with a model spread over several nodes."),
    "inference": ("strata.cli.rebalance:app", "Look after a model that runs on several nodes."),
    "plan": ("strata.cli.plan:plan", "Decide which node holds which layers."),
    "node": ("strata.cli.inference:node", "Run this machine's node."),
    "mesh": ("strata.cli.mesh:app", "Say who is in the mesh; be a member; sweep it, mend it, simulate it."),
    "evolution": ("strata.cli.evolution:app", "See who is champion and why; decide, report, roll back."),
    "imports": ("strata.cli.imports:app", "Analyse a project's imports; standardise them, file by file."),
    "api": ("strata.cli.api:app", "Make and revoke tokens of the HTTP API; print its schema."),
    "incidents": ("strata.cli.incidents:app", "List what failed and what was done; take it up, resolve it."),
    "merge": ("strata.cli.merge:merge", "Merge models by a mergekit recipe."),
    "rollout": ("strata.cli.rollout:app", "See and set which share of the work a new part gets."),
    "store": ("strata.cli.store:app", "Look after stored artifacts."),
}


class LazyGroup(TyperGroup):
    """A group that knows the names of its commands and imports one when it is run."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """All names, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        """A stand-in that carries the help line: this is all that a listing asks for."""
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name][1]) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override]
        """The real command, about to be run."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and load(command.name or ""), rest


def load(name: str) -> Any:
    """Import the command `name`. Raises StrataError when a module it needs is not there."""
    module, _, attribute = COMMANDS[name][0].partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise StrataError(f"`strata {name}` needs the module {error.name}, which is not installed") from error
    if isinstance(found, typer.Typer):
        return typer.main.get_group(found)
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name)(found)
    return typer.main.get_command(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 a check found something, 2 a wrong use or a StrataError, 130 Ctrl-C."""
    try:
        typer.main.get_command(_app)(args=arguments, prog_name="strata")
    except (StrataError, BaseExceptionGroup) as error:
        leaves = list(_leaves(error))
        if any(isinstance(leaf, KeyboardInterrupt) for leaf in leaves):
            sys.exit(130)
        if not all(isinstance(leaf, StrataError) for leaf in leaves):
            raise
        for message in dict.fromkeys(" ".join(str(leaf).split()) for leaf in leaves):
            typer.echo(f"strata: {message}", err=True)
        sys.exit(2)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"strata {version('strata')}")
        raise typer.Exit


_app = typer.Typer(cls=LazyGroup, add_completion=False, no_args_is_help=True, rich_markup_mode=None)


@_app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Run, evolve, connect and refactor a decentralised fleet of language models."""
