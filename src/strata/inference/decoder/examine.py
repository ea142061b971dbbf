"""Whether stages of an architecture give exactly what the whole gives, shown on a tiny model of it.

The tiny model has the very config in question with its sizes shrunk. It is watched, cut into three stages, and made to
generate, alone and in a padded batch, beside the whole. What cannot be reproduced is refused by name.
"""

import torch
from transformers import PreTrainedConfig

from strata.inference.decoder.cache import StageCache
from strata.inference.decoder.carry import complete
from strata.inference.decoder.session import cache_name
from strata.inference.decoder.specimen import Specimen, generate_staged, generate_whole
from strata.inference.decoder.split import Traits, Unsplittable, build_skeleton, find_layers
from strata.inference.decoder.tiny import shrink, tiny_model
from strata.inference.decoder.watch import find_traits

TOLERANCE = 1e-4  # of logits of the order of 1, in float32


def examine(
    config: PreTrainedConfig, traits: Traits | None = None, tokens: int = 4, weights: str | None = None
) -> Traits:
    """How to cut models of this config, or whether they can be cut as `traits` say.

    Raises Unsplittable, with the reason, where stages differ from the whole.
    """
    # The reason where it is known, rather than the error that it would lead to.
    if getattr(config.get_text_config(decoder=True), "num_kv_shared_layers", 0):
        raise Unsplittable(config.model_type, "its later layers share the keys and values of earlier ones")
    try:
        find_layers(build_skeleton(shrink(config), torch.float32))  # fails early, before anything is made
        specimen = Specimen.of(config)
        _refuse_other_cache(specimen)
        if traits is None:
            traits = _find(specimen)
        _refuse_uncached(specimen)
        _refuse_seeing_ahead(specimen)
        _compare(specimen, traits, tokens)
        if weights is not None:
            _compare(specimen.rounded(traits), traits, tokens, weights)
    except (Unsplittable, MemoryError):
        raise
    except Exception as error:  # whatever a model's code raises is the reason why it cannot be split
        what = f"{type(error).__name__}: {str(error).strip()}".splitlines()[-1].strip()
        raise Unsplittable(config.model_type, f"a tiny model of it fails with {what}") from error
    return traits


def _find(specimen: Specimen) -> Traits:
    def run(model: torch.nn.Module) -> None:
        model(input_ids=specimen.prompt, use_cache=False)

    found, recording = find_traits(tiny_model(specimen.config), run)
    entered = next(reversed(recording.arguments.values()))[found.carried[0]]
    if entered.shape[:2] != specimen.prompt.shape:
        reason = "its hidden states do not stand for one token each: {} for tokens {}"
        raise Unsplittable(
            specimen.config.model_type, reason.format(tuple(entered.shape), tuple(specimen.prompt.shape))
        )
    return complete(found, specimen, recording)


def _compare(specimen: Specimen, traits: Traits, tokens: int, weights: str | None = None) -> None:
    for rows in (1, len(specimen.padding)):
        prompt, padding = specimen.prompt[:rows], specimen.padding[:rows]
        expected_ids, expected = generate_whole(specimen.whole, prompt, padding, tokens)
        ids, logits = generate_staged(specimen.stages(traits, 3, weights), prompt, padding, tokens)
        difference = (logits - expected).abs().max().item()
        if not torch.equal(ids, expected_ids) or not difference <= TOLERANCE:
            how = f" with {weights} weights" if weights else ""
            reason = f"stages differ from the whole by {difference:.2g} in the logits{how}"
            raise Unsplittable(specimen.config.model_type, reason)


def _refuse_other_cache(specimen: Specimen) -> None:
    if not type(specimen.whole)._supports_default_dynamic_cache():  # type: ignore[attr-defined]
        raise Unsplittable(
            specimen.config.model_type, "it keeps its state in a cache of its own, not in a DynamicCache"
        )


def _refuse_uncached(specimen: Specimen) -> None:
    model = specimen.whole
    cache = StageCache(model.config, 128)  # room for a prefix that some models put in front
    with torch.no_grad():
        model(input_ids=specimen.prompt, use_cache=True, **{cache_name(model): cache.cache})
    if not cache.is_used:
        raise Unsplittable(specimen.config.model_type, "it has no KV cache; each step reads the whole text again")


def _refuse_seeing_ahead(specimen: Specimen) -> None:
    """Then a prompt fed in slices, as a long one and every repetition after a failure is, gives something else."""
    changed = specimen.prompt.clone()
    changed[:, -1] ^= 1
    with torch.no_grad():
        one, other = (specimen.whole(input_ids=ids, use_cache=False).logits for ids in (specimen.prompt, changed))
    if not (one - other)[:, :-1].abs().max() <= TOLERANCE:
        reason = 'its tokens see those after them; the config of a decoder must say "is_decoder": true'
        raise Unsplittable(specimen.config.model_type, reason)
