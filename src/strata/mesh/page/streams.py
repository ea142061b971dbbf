"""What browsers say with the page's host over libp2p: messages are lines of JSON.

    /strata/view/1  the browser sends nothing; one line tells of the mesh (see `MeshView`), or why it cannot be told
    /strata/ask/1   the browser sends its question as a line (see `Question`) and leaves its side open; lines tell what
                    becomes of it (see `Desk`). A stream that it closes, or resets, ends the answer.

A line of the host's that is the last of its stream and has the key "refused" gives the reason in a sentence.
"""

import contextlib
import json
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import trio

from strata.errors import StrataError
from strata.mesh.page.asking import MAX_QUESTION_BYTES, AskFailed, Desk, Question
from strata.mesh.page.browsers import Browsers

if TYPE_CHECKING:
    from libp2p.abc import IHost, INetStream

log = logging.getLogger(__name__)

VIEW = "/strata/view/1"
ASK = "/strata/ask/1"
QUESTION_SECONDS = 10.0  # for a question to come
VIEW_SECONDS = 30.0  # for members to answer, the silent ones included
WRITE_SECONDS = 10.0  # for the browser to take a line

Handler = Callable[["INetStream", str], Awaitable[None]]


def handle_streams(host: "IHost", browsers: Browsers, look: Callable[[str], Awaitable[Any]], desk: Desk | None) -> None:
    """Have a host serve both protocols to `browsers`.

    look: gives what a view says to the browser of a peer id; desk: None where nobody answers.
    """

    async def view(stream: "INetStream", peer_id: str) -> None:
        with trio.move_on_after(VIEW_SECONDS) as deadline:
            told = await look(peer_id)
        if deadline.cancelled_caught:
            raise AskFailed(f"the members of the mesh could not be asked within {VIEW_SECONDS:g} s")
        await _say(stream, told)

    async def ask(stream: "INetStream", peer_id: str) -> None:
        if desk is None:
            raise AskFailed("no model answers here: start the page with --model")
        with trio.move_on_after(QUESTION_SECONDS) as deadline:
            question = Question.read(await _line(stream))
        if deadline.cancelled_caught:
            raise AskFailed(f"no question came within {QUESTION_SECONDS:g} s")
        await _until_closed(stream, desk.answer(peer_id, question, lambda message: _say(stream, message)))

    for protocol, handler in ((VIEW, view), (ASK, ask)):
        host.set_stream_handler(protocol, _guarded(handler, browsers))


def _guarded(handler: Handler, browsers: Browsers) -> Callable[["INetStream"], Awaitable[None]]:
    """A handler whose failures cost its own stream only, for browsers alone."""
    from libp2p.exceptions import BaseLibp2pError

    async def handle(stream: "INetStream") -> None:
        peer_id = stream.muxed_conn.peer_id.to_base58()
        try:
            if peer_id in browsers:
                try:
                    await handler(stream, peer_id)
                except StrataError as error:
                    await _say(stream, {"refused": str(error)})
                await stream.close()
                with trio.move_on_after(WRITE_SECONDS):  # a reset overtakes what is still on its way
                    await _ended(stream)
        except (BaseLibp2pError, OSError, trio.BrokenResourceError, trio.TooSlowError) as error:
            log.debug("a stream of %s ended early: %r", peer_id, error)
        except Exception:
            log.exception("a stream of %s failed", peer_id)
        await stream.reset()

    return handle


async def _say(stream: "INetStream", message: Any) -> None:
    """Send a line. Once begun it is sent whole: half a frame would be the end of all of the connection's streams."""
    with trio.CancelScope(shield=True), trio.fail_after(WRITE_SECONDS):
        await stream.write(json.dumps(message).encode() + b"\n")


async def _line(stream: "INetStream") -> bytes:
    """The first line; raises AskFailed where it is too long, or something follows it."""
    line = bytearray()
    while b"\n" not in line:
        if len(line) > MAX_QUESTION_BYTES:
            raise AskFailed(f"a question has at most {MAX_QUESTION_BYTES} bytes")
        line += await stream.read(MAX_QUESTION_BYTES)
    question, _, rest = bytes(line).partition(b"\n")
    if rest:
        raise AskFailed("a stream asks one question")
    return question


async def _until_closed(stream: "INetStream", work: Awaitable[None]) -> None:
    """Do the work, but for a peer that has closed its side no longer."""
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:

        async def watch() -> None:
            await _ended(stream)
            nursery.cancel_scope.cancel()

        nursery.start_soon(watch)
        try:
            await work
        except Exception as error:
            failure = error  # raised below, bare: the nursery would put it into a group
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def _ended(stream: "INetStream") -> None:
    """Wait until the peer closes its side, or sends what it has no reason to send."""
    from libp2p.exceptions import BaseLibp2pError

    with contextlib.suppress(BaseLibp2pError):
        await stream.read(1)
