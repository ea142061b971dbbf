"""How much of an evaluation is done at once."""

MOST_TOKENS = 2048  # of a batch, padding included
MOST_LOGITS = 1 << 26  # numbers of a batch, whatever the vocabulary


def batch_tokens(vocabulary: int, most_tokens: int = MOST_TOKENS) -> int:
    """How many tokens go into a batch."""
    return max(1, min(most_tokens, MOST_LOGITS // vocabulary))
