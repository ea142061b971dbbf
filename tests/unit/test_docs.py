"""What the documentation names is there: files, tests, benchmarks, commands, options and links."""

import ast
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(r"^(?:src|tests|flows|tasks|deployments|data|docs|\.ci)(?:/[\w.-]+)*(?:\.\w+)?$")

page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)


def _code(text: str) -> list[str]:
    return _CODE.findall(text)


def _commands(text: str, beginning: str) -> list[list[str]]:
    """Commands of the page's indented blocks, without their comments."""
    lines = re.findall(r"^ {4}(?:\w+=\S+ )?" + re.escape(beginning) + r"(.*)$", text, re.MULTILINE)
    return [shlex.split(re.sub(r"\s#.*$", "", line)) for line in lines]


def _tests_in(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if hasattr(node, "name")}


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@page
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    for found in _code(page.read_text()):
        path, _, test = found.split(" ")[0].partition("::")
        if _PATH.match(path):
            assert (ROOT / path).exists(), f"{page.name} names {path}"
            assert not test or test in _tests_in(ROOT / path), f"{page.name} names {found}"


@page
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in _LINK.findall(page.read_text()):
        if link.startswith(("http://", "https://")):
            continue
        target, _, anchor = link.partition("#")
        path = page.parent / target if target else page
        assert path.exists(), f"{page.name} links to {link}"
        assert not anchor or anchor in _anchors(path), f"{page.name} links to {link}"


@page
def test_every_strata_command_and_option_is_there(page: Path) -> None:
    import typer

    from strata.cli import COMMANDS, load

    for words in _commands(page.read_text(), ".venv/bin/strata "):
        name, *rest = words
        if name == "--help":
            continue
        assert name in COMMANDS, f"{page.name}: strata {name}"
        command = load(name)
        context = typer.Context(command)
        while rest and hasattr(command, "get_command") and not rest[0].startswith("-"):
            inner = command.get_command(context, rest[0])
            if inner is None:
                break
            command, rest = inner, rest[1:]
        options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for word in rest:
            if word.startswith("--"):
                assert word.split("=")[0] in options | {"--help"}, f"{page.name}: strata {' '.join(words)}: {word}"


@page
def test_every_flow_and_its_parameters_are_there(page: Path) -> None:
    for name, *words in _commands(page.read_text(), ".venv/bin/python -m flows."):
        parameters = import_module(f"tasks.{name}_parameters")
        model = getattr(parameters, f"{name.capitalize()}Parameters")
        fields = set(model.model_fields) | {f.removesuffix("s") for f in model.model_fields} | {"json", "help"}
        for word in words:
            if word.startswith("--"):
                field = word[2:].removeprefix("no-").replace("-", "_")
                assert field in fields, f"{page.name}: flows.{name} {word}"


def test_every_test_and_benchmark_that_shows_a_promise_is_named_once_at_least() -> None:
    named = " ".join(path.read_text() for path in PAGES)
    benchmarks = {path.name for path in (ROOT / "tests" / "benchmarks").glob("[a-z]*.py")}
    assert {name for name in benchmarks if f"tests/benchmarks/{name}" not in named} == set()
