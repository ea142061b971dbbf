import argparse
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from flows.arguments import add_arguments, flag_of, given
from flows.inference_command import parse
from tasks.inference_parameters import InferenceParameters


class Recipe(BaseModel):
    servings: int = Field(4, description="How many eat; 100% of them hungry", gt=0, le=12)
    sweet: bool = Field(False, description="Add sugar")
    oven: Literal["gas", "electric"] = Field("gas", description="Kind of oven")
    steps: list[str] = Field(["mix"], description="What to do")
    heat: float = Field(1.0, description="Of the fire", ge=0)


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_arguments(parser, Recipe)
    return parser


def test_only_what_was_given_is_returned(parser):
    assert given(parser.parse_args([]), Recipe) == {}
    assert given(parser.parse_args(["--servings", "2", "--sweet"]), Recipe) == {"servings": 2, "sweet": True}
    assert given(parser.parse_args(["--no-sweet"]), Recipe) == {"sweet": False}


def test_a_list_is_a_repeatable_singular_option(parser):
    assert given(parser.parse_args(["--step", "mix", "--step", "bake"]), Recipe) == {"steps": ["mix", "bake"]}


def test_a_choice_outside_the_literal_is_refused(parser):
    with pytest.raises(argparse.ArgumentError, match="wood"):
        parser.parse_args(["--oven", "wood"])


def test_help_shows_description_limits_and_default(parser):
    text = " ".join(parser.format_help().split())
    assert "How many eat; 100% of them hungry (more than 0; at most 12; default: 4)" in text
    assert "{gas,electric}" in text


def test_every_parameter_of_the_pipeline_is_on_its_command_line(capsys):
    with pytest.raises(SystemExit) as ended:
        parse(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    for name in InferenceParameters.model_fields:
        assert f"{flag_of(name, InferenceParameters)} " in shown.replace(",", " ")


def test_the_command_line_fills_the_parameters():
    parameters, as_json = parse(["--prompt", "a", "--prompt", "b", "--nodes", "2", "--no-compare", "--json"])
    assert parameters == InferenceParameters(prompts=["a", "b"], nodes=2, compare=False)
    assert as_json


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--top-p", "7"], "--top-p: Input should be less than or equal to 1"),
        (["--nodes", "0"], "--nodes: Input should be greater than 0"),
        (["--prompt", ""], "--prompt: String should have at least 1 character"),
        (["--speculate", "33"], "--speculate: Input should be less than or equal to 32"),
        (["--mesh", "m"], "a mesh file needs an identity file"),
        (["--nodes", "four"], "invalid int value: 'four'"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
