"""A project's configuration, as data: what `pyproject.toml` and the older ini files say. Nothing in it is believed."""

import configparser
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strata.migration.project.source import BadSource, read_source

MOST_BYTES = 1 << 20
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
        # Values with `%` are the rule in these files, and a section may be there twice.
        parser = configparser.ConfigParser(interpolation=None, strict=False, default_section="\0")
        try:
            parser.read_string(read_source(root / file, MOST_BYTES).decode())
        except (BadSource, UnicodeDecodeError, configparser.Error, ValueError, AttributeError):
            continue
        found[file] = {section: dict(parser.items(section)) for section in parser.sections()}
    try:
        toml = tomllib.loads(read_source(root / "pyproject.toml", MOST_BYTES).decode())
    except (BadSource, ValueError, RecursionError):  # ValueError: of its syntax, its encoding, or a number too long
        toml = {}
    return Configuration(toml, found)


def texts(value: Any) -> list[str]:
    """The texts among what may be one text, a list of anything, or anything."""
    values = [value] if isinstance(value, str) else value
    return [each for each in values if isinstance(each, str)] if isinstance(values, list) else []


def words(text: str) -> list[str]:
    """The folders of an ini option: separated by lines, commas or spaces."""
    return [word for word in re.split(r"[\s,]+", text) if word]
