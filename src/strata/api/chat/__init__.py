"""OpenAI's chat API over the port `Fleet`: what its clients send, what they read, and how they are refused.

As https://platform.openai.com/docs/api-reference/chat describes it, and the package `openai` sends and reads it.

- `ChatRequest`: a request; `prompt_of`: what the fleet is asked by it
- `WholeAnswer`, `ChunkedAnswer`: an answer at once, and as it comes; `ChatCompletion`, `ListedModel`, `ModelList`,
  `listed`: documents
- `ChatRoute`: a route whose errors are OpenAI's error objects; `ErrorAnswer`, `refused`, `refusals`, `no_such_model`
"""

from strata.api.chat.refusing import ChatRoute, ErrorAnswer, no_such_model, refusals, refused
from strata.api.chat.request import ChatRequest, prompt_of
from strata.api.chat.response import ChatCompletion, ChunkedAnswer, ListedModel, ModelList, WholeAnswer, listed

__all__ = [
    "ChatCompletion",
    "ChatRequest",
    "ChatRoute",
    "ChunkedAnswer",
    "ErrorAnswer",
    "ListedModel",
    "ModelList",
    "WholeAnswer",
    "listed",
    "no_such_model",
    "prompt_of",
    "refusals",
    "refused",
]
