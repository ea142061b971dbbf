"""A generation in this process: the one that needs no other machine, and the last resort of one that has lost them."""

from pathlib import Path

from strata.inference.models.checkpoint import Checkpoint
from strata.inference.plan.profile import ModelProfile, Weights, profile_model
from strata.inference.run.generate import Generation, GenerationParams, GenerationResult, OnText, Prompts, StageResult
from strata.inference.run.text import Texts


def generate_locally(
    model: Path,
    prompts: Prompts,
    params: GenerationParams | None = None,
    on_text: OnText | None = None,
    dtype: str | None = None,
    *,
    weights: Weights | None = None,
    kv_cache: Weights | None = None,
) -> GenerationResult:
    """Answer with the whole model in this process: one stage of all layers, and the same decode loop.

    model: a safetensors folder; on_text(row, piece) is called as text comes. Raises CheckpointError, Unsplittable,
    NoTokenizer, ContextExceeded.
    """
    params = params or GenerationParams()
    checkpoint = Checkpoint.open(model)
    speculate = drafts_at_most(checkpoint, params)
    generation = Generation(Texts.of(model), prompts, params, on_text=on_text, speculate=speculate)
    return generation.result(
        [decode_locally(checkpoint, generation, params, profile_model(model, dtype, weights, kv_cache))]
    )


def drafts_at_most(checkpoint: Checkpoint, params: GenerationParams) -> int:
    """Tokens to guess for a step at most: as many as are asked for, none where the model's cache forbids it."""
    from strata.inference.decoder.drafts import can_speculate

    return params.speculate if params.speculate and can_speculate(checkpoint.config) else 0


def decode_locally(
    checkpoint: Checkpoint, generation: Generation, params: GenerationParams, profile: ModelProfile
) -> StageResult:
    """Run a generation from where it stands to its end, as `profile` says that things are held; returns this process's
    part.
    """
    import torch

    from strata.inference.decoder.sampling import Sampler
    from strata.inference.decoder.stage import Stage, check_splittable
    from strata.inference.node.process_memory import peak_resident_bytes, resident_bytes
    from strata.inference.node.sources import TensorSource

    last = len(profile.layers) - 1
    if profile.weights is not None:
        check_splittable(checkpoint.config, profile.weights)
    baseline = resident_bytes()
    stage = Stage.build(checkpoint.config, 0, last, profile.dtype, profile.weights)
    stage.load(TensorSource.of_checkpoint(checkpoint), checkpoint.tensors)
    decoding = generation.decoding
    session = stage.new_session(decoding.batch, decoding.padding, generation.context, cache=profile.kv_cache)
    sampler = Sampler(params.sampling, decoding.batch, drawn=decoding.accepted)
    inputs = generation.start()
    with torch.inference_mode():
        while inputs:
            drafts = generation.draft() if session.length else ()
            if generation.speculate:
                session.rewind(decoding.fed - len(inputs[0]))
            fed = torch.tensor([[*row, *drafts] for row in inputs], dtype=torch.int64)
            if drafts:
                (logits,) = session.forward(fed, want="logits")
                tokens = sampler.verify(logits, drafts)
            else:
                logits = session.forward(fed, want="last_logits")
                tokens = sampler.next(logits).tolist()
            if params.want_logits:
                generation.logits += logits[: len(tokens)].float().clone().chunk(len(tokens) // len(inputs))
            inputs = generation.accept(tokens, drafts)
    return StageResult(
        node="this process",
        layers=(0, last),
        peak_rss_bytes=peak_resident_bytes(),
        baseline_rss_bytes=baseline,
        weight_bytes=stage.weight_bytes,
        kv_bytes=session.kv_bytes,
        bytes_sent=0,
        bytes_received=0,
    )
