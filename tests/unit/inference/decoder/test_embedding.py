"""The word embedding in int8: rows scaled as they are looked up, one matrix where it is tied, other tables kept."""

import pytest
import torch
from torch import nn
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.gemma.modeling_gemma import GemmaTextScaledWordEmbedding

from strata.inference.decoder.embedding import Int8Embedding, word_embedding
from strata.inference.decoder.quantised import Int8Linear, Scratch
from strata.inference.decoder.specimen import Specimen
from strata.inference.decoder.stage_model import StageModel
from strata.inference.decoder.traits import check_splittable, traits_of


def packed(module: nn.Embedding) -> Int8Embedding:
    matrix = Int8Linear(module, Scratch())
    with torch.no_grad():
        matrix.fill(module.weight)
    return Int8Embedding(module, matrix)


def stage_of(kind: str, first: int, last: int, **fields: object) -> StageModel:
    specimen = Specimen.of(CONFIG_MAPPING[kind](**fields))
    return specimen.stage(traits_of(specimen.config), first, last, "int8")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_rows_are_within_half_a_step_of_the_table(dtype: torch.dtype):
    torch.manual_seed(0)
    whole = nn.Embedding(50, 24).to(dtype)
    ours = packed(whole)
    ids = torch.tensor([[0, 49, 7], [7, 7, 3]])
    output = ours(ids)
    assert (output.dtype, output.shape) == (dtype, (2, 3, 24))
    step = ours.matrix.scales.float()[ids][..., None]
    rounding = output.float().abs() * torch.finfo(dtype).eps
    assert bool(((output.float() - whole(ids).float()).abs() <= step / 2 * (1 + 1e-4) + rounding).all())


def test_a_subclass_goes_on_doing_what_it_does_with_the_rows():
    torch.manual_seed(0)
    scaled = GemmaTextScaledWordEmbedding(50, 24, 0, embed_scale=24**0.5)
    ids = torch.tensor([[1, 0, 2]])
    assert torch.equal(packed(scaled)(ids), packed(scaled).matrix.rows(ids[0])[None] * scaled.embed_scale)


@pytest.mark.parametrize("kind", [nn.Embedding, lambda *sizes: GemmaTextScaledWordEmbedding(*sizes, 0)])
@pytest.mark.parametrize("stranger", [-1, 50])
def test_an_id_that_is_no_tokens_is_refused(kind: type[nn.Embedding], stranger: int):
    with pytest.raises(IndexError):
        packed(kind(50, 4))(torch.tensor([[stranger]]))


def test_code_that_computes_with_the_table_itself_does_not_go_unnoticed():
    embedding = packed(nn.Embedding(5, 4, dtype=torch.bfloat16))
    assert (embedding.weight.shape, embedding.weight.dtype) == ((5, 4), torch.bfloat16)
    assert bool(embedding.weight.isnan().all())
    assert embedding.weight.untyped_storage().nbytes() == 2
    assert embedding.state_dict()["weight"].dtype == torch.int8


@pytest.mark.parametrize("kind", ["llama", "gemma2"])
def test_a_tied_head_in_the_same_stage_is_the_same_matrix(kind: str):
    tied, untied = (stage_of(kind, 0, 5, tie_word_embeddings=each) for each in (True, False))
    embedding, head = tied.model.get_input_embeddings(), tied.model.get_output_embeddings()
    assert isinstance(embedding, Int8Embedding)
    assert embedding.matrix is head
    assert untied.weight_bytes - tied.weight_bytes == head.values.nbytes + head.scales.nbytes


def test_a_tied_matrix_is_the_same_in_the_stage_of_either_end():
    first, last = stage_of("llama", 0, 2, tie_word_embeddings=True), stage_of("llama", 3, 5, tie_word_embeddings=True)
    embedding, head = first.model.get_input_embeddings(), last.model.get_output_embeddings()
    assert torch.equal(embedding.matrix.values, head.values)
    assert torch.equal(embedding.matrix.scales, head.scales)


@pytest.mark.parametrize(("kind", "path"), [("gpt2", "transformer.wpe"), ("opt", "model.decoder.embed_positions")])
def test_positions_stay_as_they_are(kind: str, path: str):
    stage = stage_of(kind, 0, 1)
    assert isinstance(stage.model.get_input_embeddings(), Int8Embedding)
    positions = stage.model.get_submodule(path)
    assert isinstance(positions, nn.Embedding)
    assert positions.weight.is_floating_point()


def test_a_stage_without_the_embedding_has_none():
    assert not isinstance(stage_of("llama", 2, 3).model.get_input_embeddings(), Int8Embedding)


class Normed(nn.Embedding):
    def __init__(self) -> None:
        super().__init__(5, 4)
        self.norm = nn.LayerNorm(4)


@pytest.mark.parametrize("module", [nn.Embedding(5, 4, max_norm=1.0), Normed(), nn.Linear(5, 4)])
def test_what_is_more_than_a_table_is_left_alone(module: nn.Module):
    class Model(nn.Module):
        def get_input_embeddings(self) -> nn.Module:
            return module

    assert word_embedding(Model()) is None


@pytest.mark.parametrize("kind", ["llama4_text", "xglm"])
def test_what_asks_the_table_for_its_place_or_has_a_padding_token_runs(kind: str):
    check_splittable(CONFIG_MAPPING[kind]().to_json_string().encode(), "int8")
