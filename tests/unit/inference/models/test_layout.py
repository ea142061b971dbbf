"""Sorting checkpoint names into before, layers and after."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.inference.models.layout import Layout, UnknownLayout

LLAMA = [
    "model.embed_tokens.weight",
    *(f"model.layers.{i}.{part}.weight" for i in range(12) for part in ("self_attn.q_proj", "mlp.up_proj")),
    "model.norm.weight",
]


def test_llama_names():
    layout = Layout.from_names(LLAMA, 12, tied=True)
    assert layout.before == layout.tied == ("model.embed_tokens.weight",)
    assert layout.after == ("model.norm.weight",)
    assert layout.layers[10] == ("model.layers.10.self_attn.q_proj.weight", "model.layers.10.mlp.up_proj.weight")


def test_a_tied_embedding_is_needed_at_both_ends_but_once_in_a_single_stage():
    layout = Layout.from_names(LLAMA, 12, tied=True)
    assert "model.embed_tokens.weight" in layout.stage(0, 3)
    assert "model.embed_tokens.weight" not in layout.stage(4, 7)
    assert "model.embed_tokens.weight" in layout.stage(8, 11)
    assert sorted(layout.stage(0, 11)) == sorted(LLAMA)


def test_a_head_in_the_checkpoint_replaces_the_tied_embedding():
    layout = Layout.from_names([*LLAMA, "lm_head.weight"], 12, tied=True)
    assert layout.stage(11, 11)[-2:] == ("model.norm.weight", "lm_head.weight")


def test_gpt2_names_without_any_prefix():
    names = ["wte.weight", "wpe.weight", "h.0.ln_1.bias", "h.1.ln_1.bias", "ln_f.weight", "ln_f.bias"]
    layout = Layout.from_names(names, 2, tied=True)
    assert layout.before == ("wte.weight", "wpe.weight")
    assert layout.after == ("ln_f.weight", "ln_f.bias")
    assert layout.tied == ("wte.weight",)


def test_as_many_experts_as_layers():
    names = [f"model.layers.{i}.mlp.experts.{e}.w1.weight" for i in range(4) for e in range(4)]
    layout = Layout.from_names(names, 4, tied=False)
    assert layout.layers[2] == tuple(f"model.layers.2.mlp.experts.{e}.w1.weight" for e in range(4))


def test_layers_past_the_count_are_left_out():
    names = [f"model.layers.{i}.w" for i in range(5)]
    assert Layout.from_names(names, 4, tied=False).stage(0, 3) == tuple(names[:4])


def test_the_text_tower_is_preferred():
    names = [f"{tower}.layers.{i}.w" for tower in ("vision", "language_model") for i in range(3)]
    assert Layout.from_names(names, 3, tied=False).layers[0] == ("language_model.layers.0.w",)


def test_a_norm_of_unknown_side_goes_to_both_ends():
    layout = Layout.from_names([*LLAMA, "model.embedding_norm.weight"], 12, tied=False)
    assert "model.embedding_norm.weight" in layout.stage(0, 0)
    assert "model.embedding_norm.weight" in layout.stage(11, 11)
    assert "model.embedding_norm.weight" not in layout.stage(1, 10)


def test_no_list_of_that_length():
    with pytest.raises(UnknownLayout, match="13 layers"):
        Layout.from_names(LLAMA, 13, tied=False)


def test_a_stage_outside_the_layers():
    with pytest.raises(ValueError):
        Layout.from_names(LLAMA, 12, tied=False).stage(3, 12)


@given(st.integers(1, 40), st.lists(st.integers(0, 39), max_size=6))
def test_stages_cover_every_layer_tensor_exactly_once(num_layers: int, cuts: list[int]):
    names = [f"h.{i}.{part}" for i in range(num_layers) for part in ("a.weight", "b.weight")]
    layout = Layout.from_names(names, num_layers, tied=False)
    edges = sorted({0, num_layers, *(c for c in cuts if c < num_layers)})
    covered = [n for a, b in itertools.pairwise(edges) for n in layout.stage(a, b - 1)]
    assert sorted(covered) == sorted(names)
