"""A project's configuration, as data: what `pyproject.toml` and the older ini files say. Nothing in it is believed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tomllib import loads
from typing import Any

from strata.migration.project.source import BadSource, read_source

MOST_BYTES = 1 << 18
_MOST_DOTS = 64  # outside of quotes on a line
_QUOTED = re.compile(r""""[^"\n]*"|'[^'\n]*'""")
# Where pytest's options may stand in an ini file, in the order in which pytest looks.
_PYTEST = (("pytest.ini", "pytest"), (".pytest.ini", "pytest"), ("tox.ini", "pytest"), ("setup.cfg", "tool:pytest"))


@dataclass(frozen=True)
class Configuration:
    """What was read; a file that is missing, too large or makes no sense says nothing.

    toml: of `pyproject.toml`. ini: file, section and option to a text.
    """

    toml: dict[str, Any] = field(default_factory=dict)
    ini: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)

    def at(self, *keys: str) -> Any:
        """The value under these keys of `pyproject.toml`, of any type; None where there is none."""
        value: Any = self.toml
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def strings(self, *keys: str) -> list[str]:
        """The text, or texts, under these keys; empty for anything else."""
        return texts(self.at(*keys))

    def ini_text(self, file: str, section: str, option: str) -> str:
        """An option of an ini file; "" where there is none."""
        return self.ini.get(file, {}).get(section, {}).get(option, "")

    def pytest(self, option: str) -> list[str]:
        """The words of one of pytest's options, from the file that pytest would read."""
        for file, section in _PYTEST[:2]:
            if file in self.ini:
                return self.ini_text(file, section, option).split()
        if isinstance(self.at("tool", "pytest", "ini_options"), dict):
            return [word for text in self.strings("tool", "pytest", "ini_options", option) for word in text.split()]
        for file, section in _PYTEST[2:]:
            if section in self.ini.get(file, {}):
                return self.ini_text(file, section, option).split()
        return []

    def entry_points(self) -> Iterator[tuple[str, str]]:
        """(file, "pkg.mod:func") of each script and plug-in that the project declares."""
        tables = [
            self.at("project", "scripts"),
            self.at("project", "gui-scripts"),
            self.at("tool", "poetry", "scripts"),
        ]
        for groups in (self.at("project", "entry-points"), self.at("tool", "poetry", "plugins")):
            tables += list(groups.values()) if isinstance(groups, dict) else []
        for table in tables:
            for value in table.values() if isinstance(table, dict) else ():
                yield from (("pyproject.toml", text) for text in texts(value))
        for text in self.ini.get("setup.cfg", {}).get("options.entry_points", {}).values():
            for line in text.splitlines():
                if "=" in line:
                    yield "setup.cfg", line.partition("=")[2].strip()


def read_configuration(root: Path) -> Configuration:
    """Read the files in a project's folder; raises nothing."""
    found = {}
    for file in dict.fromkeys(file for file, _ in _PYTEST):
        text = _text(root / file)
        if text is not None:
            found[file] = _sections(text)
    text = _text(root / "pyproject.toml") or ""
    try:
        # Reading a key takes time by the square of its parts.
        toml = {} if any(line.count(".") > _MOST_DOTS for line in _QUOTED.sub("", text).splitlines()) else loads(text)
    except (ValueError, RecursionError):  # ValueError: of its syntax, or a number too long
        toml = {}
    return Configuration(toml, found)


def _text(path: Path) -> str | None:
    try:
        return read_source(path, MOST_BYTES).decode()
    except (BadSource, UnicodeDecodeError):
        return None


def _sections(text: str) -> dict[str, dict[str, str]]:
    """What `configparser` would read, less strict: its time grows by the square of the lines that make no sense."""
    sections: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    option, indent = "", 0
    for line in text.splitlines():
        bare = line.strip()
        if not bare or bare[0] in "#;":
            continue
        before, indent = indent, len(line) - len(line.lstrip())
        if option and indent > before:
            section[option] += f"\n{bare}"
            indent = before
        elif bare[0] == "[" and (end := bare.rfind("]")) > 1:
            section, option = sections.setdefault(bare[1:end], {}), ""
        elif at := min((place for sign in "=:" if (place := bare.find(sign)) > 0), default=0):
            option = bare[:at].strip().lower()
            section[option] = bare[at + 1 :].strip()
    return sections


def texts(value: Any) -> list[str]:
    """The texts among what may be one text, a list of anything, or anything."""
    values = [value] if isinstance(value, str) else value
    return [each for each in values if isinstance(each, str)] if isinstance(values, list) else []


def words(text: str) -> list[str]:
    """The folders of an ini option: separated by lines, commas or spaces."""
    return [word for word in re.split(r"[\s,]+", text) if word]
