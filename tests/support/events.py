"""Server-sent events as a reader takes them apart (WHATWG HTML, section 9.2.6): their names and data, and comments."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    name: str
    data: str


def events_in(stream: str) -> list[Event]:
    """The events of a whole stream; what has no data is none."""
    found = []
    for block in stream.split("\n\n"):
        fields = [line.partition(":")[::2] for line in block.split("\n") if line and not line.startswith(":")]
        data = [value.removeprefix(" ") for name, value in fields if name == "data"]
        names = [value.removeprefix(" ") for name, value in fields if name == "event"]
        if data:
            found.append(Event(names[-1] if names else "message", "\n".join(data)))
    return found


def comments_in(stream: str) -> list[str]:
    """Its comments."""
    return [line[1:].strip() for line in stream.split("\n") if line.startswith(":")]
