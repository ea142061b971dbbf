"""Options that several commands share, and how their texts are read."""

from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from strata.errors import StrataError

if TYPE_CHECKING:
    from strata import mesh

Model = Annotated[str, typer.Argument(help='Folder, .gguf file or name of a model ("smollm2").')]
Mesh = Annotated[Path | None, typer.Option(help="Use the running nodes of this mesh.")]
Identity = Annotated[Path | None, typer.Option(help="With --mesh: the coordinator's key.")]
NodeMemory = Annotated[str | None, typer.Option(help="With --nodes: bytes each may use, such as 500M.")]
Dtype = Annotated[
    str | None, typer.Option(help="float32, bfloat16, float16; default: the checkpoint's own, GGUF as float32.")
]
Device = Annotated[
    str, typer.Option(help="server, or mobile: it carries nothing for others, and no layers where others can.")
]
MostLinks = Annotated[int, typer.Option(min=1, max=1024, help="Neighbours in the mesh that it bears at most.")]
Fronting = Annotated[
    bool, typer.Option("--front", help="Pass on links to other members: whom they are for does not show.")
]
Supervised = Annotated[bool, typer.Option("--supervised", help="End when standard input ends.")]
Held = Literal["as-is", "int8"]
Weights = Annotated[Held, typer.Option(help="int8: one byte a weight of a matrix; as-is: the dtype.")]
KvCache = Annotated[Held, typer.Option(help="int8: keys and values in a byte each; as-is: the dtype.")]


def held(kind: Held) -> Literal["int8"] | None:
    """What the library calls it: None is the dtype."""
    return None if kind == "as-is" else kind


def parse_size(text: str) -> int:
    """Bytes from "500M", "2G", "1.5GiB" or a plain number (units are powers of 1024); raises StrataError."""
    units = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
    number = text.strip().upper().removesuffix("IB").removesuffix("B")
    unit = number[-1:] if number[-1:] in units else ""
    try:
        size = float(number.removesuffix(unit)) * units[unit]
    except ValueError:
        raise StrataError(f"not a size: {text!r}; write 500M or 2G") from None
    if not 0 < size < 1 << 60:
        raise StrataError(f"not a size: {text!r}")
    return int(size)


def parse_device(text: str) -> "mesh.Device":
    """The device class of that name; raises StrataError."""
    from strata.mesh import Device

    if text not in set(Device):
        raise StrataError(f"--device is one of {', '.join(Device)}, not {text!r}")
    return Device(text)


def parse_listen(text: str) -> tuple[str, int]:
    """Host and port of "HOST:PORT"; raises StrataError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise StrataError(f"--listen wants HOST:PORT, not {text!r}")
    return host.strip("[]"), int(port)


def parse_multiaddr(text: str) -> str:
    """The multiaddr to listen at of "ADDRESS:PORT", or of one; raises StrataError."""
    if text.startswith("/"):
        return text
    host, port = parse_listen(text)
    try:
        address = ip_address(host)
    except ValueError:
        raise StrataError(
            f"--listen wants an IP address for libp2p (127.0.0.1:0, /ip4/…/tcp/…), not {text!r}"
        ) from None
    return f"/ip{address.version}/{address}/tcp/{port}"
