"""A headless Chromium, spoken with over its DevTools protocol (https://chromedevtools.github.io/devtools-protocol)."""

import base64
import itertools
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, open_websocket_url

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
MAX_MESSAGE_BYTES = 64 << 20  # a screenshot is one message


def find_chrome() -> str | None:
    """The program, if this machine has one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class PageFailed(AssertionError):
    """What a script of the page threw, or what did not come about in time."""


class Tab:
    """One page. `problems`: what it complained of: errors of scripts, and what its policy forbade."""

    def __init__(self, socket: WebSocketConnection) -> None:
        self.problems: list[str] = []
        self.requests: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, tuple[trio.Event, dict]] = {}
        self._session: str | None = None

    async def send(self, method: str, **params):
        """Call a method of the protocol; its result."""
        number, event, answer = next(self._numbers), trio.Event(), {}
        self._waiting[number] = event, answer
        message = {"id": number, "method": method, "params": params}
        await self._socket.send_message(json.dumps(message | ({"sessionId": self._session} if self._session else {})))
        await event.wait()
        if "error" in answer:
            raise PageFailed(f"{method}: {answer['error']['message']}")
        return answer["result"]

    async def open(self, url: str) -> None:
        """Load a page."""
        await self.send("Page.navigate", url=url)

    async def evaluate(self, script: str):
        """The value of an expression in the page, which may be a promise."""
        done = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            raise PageFailed(json.dumps(done["exceptionDetails"])[:2000])
        return done["result"].get("value")

    async def until(self, condition: str, seconds: float = 30):
        """Wait until an expression is true in the page, which is looked at whenever the page changes; its value."""
        script = f"""new Promise((resolve) => {{
            const look = () => {{
                let found = null
                try {{ found = {condition} }} catch {{}}
                if (found) {{ watcher.disconnect(); resolve(found) }}
            }}
            const watcher = new MutationObserver(look)
            const everything = {{ subtree: true, childList: true, attributes: true, characterData: true }}
            watcher.observe(document, everything)
            look()
        }})"""
        with trio.move_on_after(seconds):
            while True:
                try:
                    return await self.evaluate(script)
                except PageFailed as error:  # another page was loaded meanwhile
                    if "context" not in str(error) and "navigated" not in str(error):
                        raise
        shown = await self.evaluate("document.body.innerText")
        raise PageFailed(f"not within {seconds:g} s: {condition}\nshown: {shown}\nproblems: {self.problems}")

    async def screenshot(self, path: Path, *, width: int, height: int, scheme: str = "light") -> None:
        """The whole page as on a screen of that width."""
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2, mobile=True
        )
        await self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        image = await self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(image["data"]))

    async def attach(self) -> None:
        """Open a tab of its own."""
        target = await self.send("Target.createTarget", url="about:blank")
        attached = await self.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.send(f"{domain}.enable")

    async def listen(self) -> None:
        """Take what the browser says, until it is closed."""
        try:
            while True:
                self._take(json.loads(await self._socket.get_message()))
        except ConnectionClosed:
            return

    def _take(self, message: dict) -> None:
        if "id" in message:
            event, answer = self._waiting.pop(message["id"])
            answer.update(message)
            event.set()
            return
        params = message.get("params", {})
        if message["method"] == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(params["exceptionDetails"])[:2000])
        elif message["method"] == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.problems.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif message["method"] in {"Network.requestWillBeSent", "Network.webSocketCreated"}:
            self.requests.append(params["url"] if "url" in params else params["request"]["url"])


@asynccontextmanager
async def chrome(program: str, profile: Path, *arguments: str) -> AsyncIterator[Tab]:
    """A tab of a new browser whose profile is that folder."""
    command = [
        program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-default-browser-check",
        "--remote-debugging-port=0", f"--user-data-dir={profile}", *arguments, "about:blank",
    ]  # fmt: skip
    failure: Exception | None = None
    process = await trio.lowlevel.open_process(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        async with trio.open_nursery() as nursery:
            address = await nursery.start(_read_address, process)
            async with open_websocket_url(address, max_message_size=MAX_MESSAGE_BYTES) as socket:
                tab = Tab(socket)
                nursery.start_soon(tab.listen)
                await tab.attach()
                try:
                    yield tab
                except Exception as error:
                    failure = error  # raised below, bare: the nursery would put it into a group
                nursery.cancel_scope.cancel()
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
    if failure is not None:
        raise failure


async def _read_address(process: trio.Process, task_status=trio.TASK_STATUS_IGNORED) -> None:
    """Where it listens for DevTools; then go on reading, so that it never waits for a reader."""
    said = b""
    async for piece in process.stderr:
        if said is not None:
            said += piece
            for line in said.splitlines():
                if line.startswith(b"DevTools listening on "):
                    task_status.started(line.split()[-1].decode())
                    said = None
                    break
