"""The command line's promises: quick help, one line for an error, quiet on Ctrl-C."""

import subprocess
import sys
import types
from pathlib import Path

import pytest
import typer

from strata import cli
from strata.errors import StrataError

HEAVY = {"torch", "transformers", "sqlalchemy", "pydantic", "numpy", "trio", "prefect", "cryptography"}


def fails() -> None:
    raise StrataError("there is no\nmodel of that name")


def fails_in_a_group() -> None:
    raise ExceptionGroup("nursery", [StrataError("first"), ExceptionGroup("inner", [StrataError("second")])])


def is_faulty() -> None:
    raise ExceptionGroup("nursery", [StrataError("known"), ZeroDivisionError()])


def is_interrupted() -> None:
    raise KeyboardInterrupt


def is_interrupted_in_a_group() -> None:
    raise BaseExceptionGroup("nursery", [KeyboardInterrupt(), StrataError("a consequence")])


def says(word: str, loud: bool = False) -> None:
    """Say a word."""
    typer.echo(word.upper() if loud else word)


group = typer.Typer()
group.command("says")(says)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    commands = types.ModuleType("commands")
    names = ("fails", "fails_in_a_group", "is_faulty", "is_interrupted", "is_interrupted_in_a_group", "says", "group")
    for name in names:
        setattr(commands, name, globals()[name])
    monkeypatch.setitem(sys.modules, "commands", commands)
    table = {name: (f"commands:{name}", f"Help of {name}.") for name in names}
    monkeypatch.setattr(cli, "COMMANDS", table | {"absent": ("no_such_module:run", "Help of what is not there.")})

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            cli.main(arguments)
        out, err = capsys.readouterr()
        return stopped.value.code, out, err

    return call


def test_help_lists_commands_without_importing_them(run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert "Help of says." in out
    assert "Help of what is not there." in out


def test_a_function_is_a_command_and_a_typer_is_a_group(run) -> None:
    assert run("says", "--loud", "yes") == (0, "YES\n", "")
    assert run("group", "says", "yes") == (0, "yes\n", "")
    assert "Say a word." in run("says", "--help")[1]


@pytest.mark.parametrize(
    ("command", "lines"),
    [("fails", ["strata: there is no model of that name"]), ("fails_in_a_group", ["strata: first", "strata: second"])],
)
def test_a_known_error_is_one_line_and_status_2(run, command: str, lines: list[str]) -> None:
    assert run(command) == (2, "", "\n".join(lines) + "\n")


def test_a_fault_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = types.ModuleType("commands")
    commands.is_faulty = is_faulty
    monkeypatch.setitem(sys.modules, "commands", commands)
    monkeypatch.setattr(cli, "COMMANDS", {"is_faulty": ("commands:is_faulty", "")})
    with pytest.raises(ExceptionGroup):
        cli.main(["is_faulty"])


@pytest.mark.parametrize("command", ["is_interrupted", "is_interrupted_in_a_group"])
def test_ctrl_c_is_quiet(run, command: str) -> None:
    assert run(command) == (130, "", "")


def test_a_command_whose_module_is_missing_says_so_and_hinders_no_other(run) -> None:
    assert run("absent") == (2, "", "strata: `strata absent` needs the module no_such_module, which is not installed\n")
    assert run("says", "still here")[0] == 0


def test_an_unknown_command_is_a_wrong_use(run) -> None:
    code, _, err = run("sing")
    assert code == 2
    assert "No such command 'sing'" in err


def test_the_version_is_the_packages(run) -> None:
    from importlib.metadata import version

    assert run("--version") == (0, f"strata {version('strata')}\n", "")


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main([name, "--help"])
    assert stopped.value.code == 0
    assert f"strata {name}" in capsys.readouterr().out


def test_help_loads_nothing_heavy() -> None:
    """The installed command answers in a tenth of a second because of this; a clock would only measure the machine."""
    code = (
        "import sys, atexit; atexit.register(lambda: print('LOADED', *sys.modules)); sys.argv = ['strata', '--help'];"
        "from strata.cli import main; main()"
    )
    out = subprocess.check_output([sys.executable, "-c", code], text=True)
    loaded = out[out.index("LOADED") :].split()
    assert "strata.cli" in loaded
    assert not HEAVY & set(loaded)
    assert not [name for name in loaded if name.startswith("strata.") and name not in ("strata.cli", "strata.errors")]


@pytest.mark.parametrize("module", ["generate", "plan", "node", "mesh", "store", "evolution"])
def test_loading_a_command_loads_nothing_heavy(module: str) -> None:
    target = cli.COMMANDS[module][0].partition(":")[0]
    code = f"import {target}, sys; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=Path.cwd()).split()
    assert not HEAVY & set(loaded)
