"""Command-line arguments from a pydantic model, so that a flow's parameters are described once."""

import argparse
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo


def add_arguments(parser: argparse.ArgumentParser, model: type[BaseModel]) -> None:
    """Add one option for each field of `model`: `--max-new-tokens`, `--chat-template/--no-chat-template`, …

    A list field called `prompts` becomes a repeatable `--prompt`. Values stay unset unless given, so that the model's
    defaults hold; limits are checked by the model, not here.
    """
    for name, field in model.model_fields.items():
        kind = field.annotation
        options: dict[str, Any] = {"dest": name, "default": argparse.SUPPRESS, "help": _help(field)}
        if kind is bool:
            options["action"] = argparse.BooleanOptionalAction
        elif get_origin(kind) is list:
            options |= {"action": "append", "metavar": "TEXT"}
        elif get_origin(kind) is Literal:
            options["choices"] = get_args(kind)
        else:
            options |= {"type": kind, "metavar": {int: "N", float: "X"}.get(kind, "TEXT")}
        parser.add_argument(flag_of(name, model), **options)


def flag_of(name: str, model: type[BaseModel]) -> str:
    """The option that sets field `name`."""
    flag = "--" + name.replace("_", "-")
    return flag.removesuffix("s") if get_origin(model.model_fields[name].annotation) is list else flag


def given(namespace: argparse.Namespace, model: type[BaseModel]) -> dict[str, Any]:
    """The arguments of `model` that were on the command line."""
    return {name: value for name, value in vars(namespace).items() if name in model.model_fields}


def _help(field: FieldInfo) -> str:
    """Description, limits and default of a field, with `%` escaped for argparse."""
    limits = []
    for limit in field.metadata:
        match limit:
            case Gt():
                limits.append(f"more than {limit.gt}")
            case Ge():
                limits.append(f"at least {limit.ge}")
            case Le():
                limits.append(f"at most {limit.le}")
    default = field.get_default(call_default_factory=True)
    if isinstance(default, list):
        default = ", ".join(repr(item) for item in default)
    notes = [*limits, f"default: {default}"] if default != "" else limits
    return f"{field.description} ({'; '.join(notes)})".replace(" ()", "").replace("%", "%%")
