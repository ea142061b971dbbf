"""The model that ships: a Llama of 656 thousand parameters whose tokens are 64 characters."""

import json
from typing import TYPE_CHECKING

from strata.evolution.suites import END

if TYPE_CHECKING:
    from transformers import LlamaConfig, PreTrainedTokenizerFast

PAD, UNKNOWN = "<pad>", "<unk>"
_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789()[]{}<>+-=?,: *_./!'\"#&%"
VOCABULARY = (PAD, UNKNOWN, END, *_CHARACTERS)
CONTEXT = 128  # tokens


def make_tokenizer() -> "PreTrainedTokenizerFast":
    """One token for each character; the end of an answer is the end of the sequence."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    fields = {
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": r"[\s\S]"}, "behavior": "Isolated", "invert": False},
        "decoder": {"type": "Fuse"},
        "model": {
            "type": "WordLevel",
            "vocab": {token: number for number, token in enumerate(VOCABULARY)},
            "unk_token": UNKNOWN,
        },
    }
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=Tokenizer.from_str(json.dumps(fields)),
        unk_token=UNKNOWN,
        pad_token=PAD,
        eos_token=END,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )


def make_configuration() -> "LlamaConfig":
    """Three layers of width 128 and four heads; embeddings and output are not tied."""
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=VOCABULARY.index(END),
        pad_token_id=VOCABULARY.index(PAD),
        dtype="float32",
    )
