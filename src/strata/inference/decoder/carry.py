"""What besides the hidden state a stage needs from before it, found by comparing layers' arguments.

A stage is run from a layer in the middle on, with the hidden state that the whole gave that layer. Whatever argument of
its layers then differs from the whole's run comes from before the cut in another way: from a weight (a table of
relative positions), from the token ids (embeddings for each layer), or from an earlier layer (router states).
"""

from dataclasses import replace

import torch
from torch.utils._pytree import tree_leaves

from strata.inference.decoder.specimen import Specimen
from strata.inference.decoder.split import Left, Traits, Unsplittable
from strata.inference.decoder.watch import Recording, recorded


def complete(traits: Traits, specimen: Specimen, recording: Recording) -> Traits:
    """`traits` with what else must be carried, or held by every stage; raises Unsplittable where nothing suffices.

    `recording` is of a model with the specimen's weights reading the specimen's prompt.
    """
    called = sorted(recording.arguments)
    cuts = sorted({called[1], called[len(called) // 2]})

    def differing(candidate: Traits) -> list[str]:
        return [name for cut in cuts for name in _differing(candidate, specimen, recording, cut)]

    wrong = differing(traits)
    if not wrong:
        return traits
    held = replace(traits, everywhere=tuple(dict.fromkeys(traits.everywhere + traits.before)))
    carried = replace(traits, carried=tuple(dict.fromkeys(traits.carried + tuple(wrong))))
    for candidate in (held, carried, replace(held, token_ids=True)):
        if not differing(candidate):
            break
    else:
        raise Unsplittable(specimen.config.model_type, f"its layers hand on {', '.join(dict.fromkeys(wrong))}")
    for name in candidate.everywhere:
        fewer = replace(candidate, everywhere=tuple(other for other in candidate.everywhere if other != name))
        if name not in traits.everywhere and not differing(fewer):
            candidate = fewer  # leave out what turns out not to be needed
    return candidate


def _differing(traits: Traits, specimen: Specimen, recording: Recording, cut: int) -> list[str]:
    """Names of the arguments in which a stage from layer `cut` on differs from the whole."""
    # Without the last layer where there is another, because the last stage has weights (a tied embedding) of its own.
    last = max(cut, max(recording.arguments) - 1)
    stage = specimen.stage(traits, cut, last)
    stage.cut.entering = tuple(recording.arguments[cut].get(name) for name in traits.carried)
    layers = stage.model.get_submodule(traits.layers)
    assert isinstance(layers, torch.nn.ModuleList)
    with torch.no_grad(), recorded(layers) as ours:
        try:
            ids = specimen.prompt if traits.token_ids else torch.zeros_like(specimen.prompt)
            stage.model(input_ids=ids, use_cache=False)
        except Left:
            pass
        except Exception:
            # The layer may fail for want of an argument; those it was called with tell which.
            if max(ours.arguments, default=-1) < cut:
                raise
    for index in (index for index in ours.arguments if cut <= index <= last):
        names = [
            name
            for name, value in recording.arguments[index].items()
            if not (index == cut and name in traits.carried) and not _same(value, ours.arguments[index].get(name))
        ]
        if names:
            return names
    return []


def _same(value: object, other: object) -> bool:
    theirs, ours = tree_leaves(value), tree_leaves(other)
    return len(theirs) == len(ours) and all(
        not isinstance(a, torch.Tensor)
        or (isinstance(b, torch.Tensor) and a.shape == b.shape and torch.allclose(a.float(), b.float(), atol=1e-4))
        for a, b in zip(theirs, ours, strict=True)
    )
