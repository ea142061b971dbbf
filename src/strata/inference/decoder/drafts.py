"""Whether a model can be fed guesses for its next tokens, and forget those that are wrong."""

from functools import lru_cache

import torch

from strata.inference.decoder.specimen import Specimen
from strata.inference.decoder.split import parse_config
from strata.inference.decoder.stage_model import StageModel
from strata.inference.decoder.traits import traits_of

_TOKENS = (11, 12, 13, 14)
_WRONG = (97, 98)
_TOLERANCE = 1e-4  # float32 logits of a tiny model, summed in another order


@lru_cache(maxsize=16)  # asked for every answer that may have drafts
def can_speculate(config_json: bytes) -> bool:
    """Whether drafts change nothing on models of this config; a tiny one is tried, which takes some tenths of a second.

    All layers must cache plain attention over the whole context, since windows and state-space layers forget what they
    would have to go back to; and no token may see those after it, as in an encoder's layers. Raises Unsplittable.
    """
    specimen = Specimen.of(parse_config(config_json))
    (stage,) = specimen.stages(traits_of(specimen.config), 1)
    try:
        return _leaves_no_trace(stage, specimen.prompt[:1])
    except Exception:  # whatever a model's code raises: then it is not known to
        return False


def _leaves_no_trace(stage: StageModel, prompt: torch.Tensor) -> bool:
    room = prompt.shape[1] + len(_TOKENS) + len(_WRONG)
    one_by_one, drafted = (stage.new_session(1, [0], room) for _ in range(2))
    if not drafted.takes_slices:
        return False
    one_by_one.forward(prompt)
    expected = torch.cat([one_by_one.forward(torch.tensor([[token]])) for token in _TOKENS])
    drafted.forward(prompt)
    first = drafted.forward(torch.tensor([[_TOKENS[0], *_WRONG]]), "logits")[0, :1]
    drafted.rewind(prompt.shape[1] + 1)
    rest = drafted.forward(torch.tensor([_TOKENS[1:]]), "logits")[0]
    return bool((torch.cat([first, rest]) - expected).abs().max() < _TOLERANCE)
