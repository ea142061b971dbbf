"""The rewrite of `relative_preferred` as a command of libcst's codemod tool, to compare with.

    python -m libcst.tool codemod -x support.codemod.RelativePreferred --no-format --stay FILE PATH

It decides by the module's own name alone, as codemods do, so it is told which files must stay as they are.
"""

import argparse
import json
from pathlib import Path

import libcst as cst
from libcst.codemod import CodemodContext, VisitorBasedCodemodCommand
from libcst.helpers import get_absolute_module_from_package_for_import, get_full_name_for_node


class RelativePreferred(VisitorBasedCodemodCommand):
    """Make `from` imports within the top-level package relative."""

    DESCRIPTION = "Make imports within a top-level package relative."

    @staticmethod
    def add_args(parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--stay",
            required=True,
            help="a JSON list of files that are left alone, as paths from the working directory",
        )

    def __init__(self, context: CodemodContext, stay: str) -> None:
        super().__init__(context)
        self.stay = {str(Path(path).resolve()) for path in json.loads(Path(stay).read_text())}

    def visit_Module(self, node: cst.Module) -> bool:
        """No further in a file that stays."""
        return str(Path(self.context.filename or "").resolve()) not in self.stay

    def leave_ImportFrom(self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom) -> cst.ImportFrom:
        """Dots and what is left of the name."""
        package = self.context.full_package_name
        absolute = get_absolute_module_from_package_for_import(package, updated_node)
        if not package or not absolute:
            return updated_node
        own, asked = package.split("."), absolute.split(".")
        common = 0
        while common < min(len(own), len(asked)) and own[common] == asked[common]:
            common += 1
        rest = ".".join(asked[common:])
        dots = len(own) - common + 1
        if not common or (len(updated_node.relative) == dots and rest == self._module(updated_node)):
            return updated_node
        return updated_node.with_changes(
            relative=[cst.Dot()] * dots, module=cst.parse_expression(rest) if rest else None
        )

    @staticmethod
    def _module(node: cst.ImportFrom) -> str:
        return (get_full_name_for_node(node.module) if node.module else None) or ""
