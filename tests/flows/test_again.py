"""A request that was answered with 503 is tried again, and nobody notices."""

import httpx
import pytest

from deployments.again import ATTEMPTS, MOST_BYTES, Again


class Busy:
    """Unavailable so many times, which it says and raises, as Starlette's do; then it says what it read."""

    def __init__(self, times: int, status: int = 201) -> None:
        self.times, self.status = times, status
        self.read: list[bytes] = []

    async def __call__(self, scope, receive, send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message.get("more_body", False)
        self.read.append(body)
        unavailable = len(self.read) <= self.times
        status = 503 if unavailable else self.status
        await send({"type": "http.response.start", "status": status, "headers": [(b"x-path", scope["path"].encode())]})
        await send({"type": "http.response.body", "body": b"busy" if unavailable else body[:10], "more_body": False})
        if unavailable:
            raise RuntimeError("database is locked")


async def ask(application: Busy, body: bytes = b"a run") -> httpx.Response:
    transport = httpx.ASGITransport(app=Again(application, first=0.0), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        return await client.post("/runs", content=body)


async def pieces():
    for _ in range(3):
        yield b"x" * (MOST_BYTES // 2)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # as uvicorn has it


@pytest.mark.anyio
async def test_it_is_tried_again_with_all_that_was_asked():
    application = Busy(3)
    answer = await ask(application)
    assert (answer.status_code, answer.content, answer.headers["x-path"]) == (201, b"a run", "/runs")
    assert application.read == [b"a run"] * 4


@pytest.mark.anyio
async def test_after_some_attempts_the_caller_is_told():
    application = Busy(1000)
    answer = await ask(application)
    assert (answer.status_code, answer.content) == (503, b"busy")
    assert len(application.read) == ATTEMPTS


@pytest.mark.anyio
@pytest.mark.parametrize("status", [200, 404, 409, 500])
async def test_any_other_answer_is_one(status: int):
    application = Busy(0, status)
    assert (await ask(application)).status_code == status
    assert len(application.read) == 1


@pytest.mark.anyio
async def test_what_is_long_is_tried_once():
    application = Busy(1)
    assert (await ask(application, pieces())).status_code == 503
    (read,) = application.read
    assert len(read) == 3 * (MOST_BYTES // 2)


@pytest.mark.anyio
async def test_an_error_that_is_no_503_is_raised():
    async def broken(scope, receive, send) -> None:
        raise KeyError("its own")

    transport = httpx.ASGITransport(app=Again(broken))
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        with pytest.raises(KeyError, match="its own"):
            await client.get("/")


@pytest.mark.anyio
async def test_what_is_no_request_passes():
    seen = []

    async def lifespan(scope, receive, send) -> None:
        seen.append((scope["type"], receive, send))

    await Again(lifespan)({"type": "lifespan"}, ask, pieces)
    assert seen == [("lifespan", ask, pieces)]
