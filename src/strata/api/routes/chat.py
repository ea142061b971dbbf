"""OpenAI's chat completions and models, so that its clients talk to the fleet."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from strata.api.answering import EVENTS, Answering, event_schema
from strata.api.chat import (
    ChatCompletion,
    ChatRequest,
    ChatRoute,
    ChunkedAnswer,
    ListedModel,
    ModelList,
    WholeAnswer,
    listed,
    no_such_model,
    prompt_of,
    refusals,
    refused,
)
from strata.api.context import Context
from strata.api.guard import Within, allowing
from strata.api.limits import ONE_ANSWER
from strata.api.ports import Model

router = APIRouter(
    prefix="/v1",
    tags=["chat"],
    dependencies=[allowing("infer")],
    route_class=ChatRoute,
    responses=refusals(400, 401, 403, 404, 429, 503),
)
_STREAM = {"schema": event_schema("message")}  # a chunk each, and [DONE]


@router.post(
    "/chat/completions",
    response_model=ChatCompletion,
    dependencies=[ONE_ANSWER],
    responses={200: {"description": "The answer; with `stream` as it comes", "content": {EVENTS: _STREAM}}},
)
async def create_chat_completion(request: Request, asked: ChatRequest, context: Within) -> Response:
    """Answer a conversation: at once, or with `stream` as the nodes write it."""
    model = _find(context, asked.model)
    prompt = prompt_of(asked, model.context if model is not None else 1, request.headers)
    form = ChunkedAnswer(asked.model, asked.counts_usage) if asked.stream else WholeAnswer(asked.model)
    return Answering(context.fleet.answer(prompt), form, refused)


@router.get("/models")
async def list_models(context: Within) -> ModelList:
    """The models that can be asked; none while the fleet is starting."""
    return ModelList(data=[listed(model) for model in context.fleet.models()])


@router.get("/models/{model:path}")
async def retrieve_model(model: Annotated[str, Path(min_length=1, max_length=256)], context: Within) -> ListedModel:
    """One of them."""
    found = _find(context, model)
    if found is None:
        raise no_such_model(model)
    return listed(found)


def _find(context: Context, name: str) -> Model | None:
    """The model of that name, None while there is none at all: then the fleet says why. Raises for an unknown one."""
    models = context.fleet.models()
    found = next((model for model in models if model.name == name), None)
    if found is None and models:
        raise no_such_model(name)
    return found
