"""`strata mesh`: say who belongs to the mesh; be a member of it, sweep it, look at its topology and bandwidth.

Each machine has its own identity; the owner's signs the list of members.
"""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from strata.cli.mesh_bandwidth import bandwidth
from strata.cli.mesh_node import node
from strata.cli.mesh_page import page
from strata.cli.mesh_reading import Home, Json, Mesh, identity_of, paths
from strata.cli.mesh_simulate import simulate
from strata.cli.mesh_sweep import status, sweep
from strata.cli.mesh_topology import topology
from strata.cli.mesh_up import down, up
from strata.errors import StrataError

if TYPE_CHECKING:
    from strata.secure import Membership

_HELP = "Say who belongs to the mesh; be a member; sweep it, mend it, share its bandwidth, simulate it."
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=_HELP)

Addresses = Annotated[
    list[str] | None,
    typer.Option("--address", help="host:port or multiaddr it listens on, or @NAME of its front; can be repeated."),
]
Roles = Annotated[list[str] | None, typer.Option("--role", help="node, coordinator or browser; can be repeated.")]


@app.command()
def init(
    home: Home = None,
    mesh: Mesh = None,
    name: Annotated[str, typer.Option(help="This machine's name in the mesh.")] = "coordinator",
    address: Addresses = None,
    role: Roles = None,
) -> None:
    """Found a mesh that this machine owns, with itself as the first member."""
    from strata.mesh import write_membership
    from strata.secure import Membership

    home, mesh = paths(home, mesh)
    if mesh.exists():
        raise StrataError(f"{mesh} exists already; a mesh is founded once")
    owner = identity_of(home, create=True)
    founded = Membership.found(owner).with_member(owner.card, name, address or (), role or ("coordinator",))
    write_membership(mesh, founded.seal(owner))
    typer.echo(f"founded mesh {founded.mesh_id}, owned by {owner.peer_id}; its members are listed in {mesh}")


@app.command()
def card(home: Home = None) -> None:
    """Print this machine's peer card, for the mesh owner to `invite`; makes its identity the first time."""
    typer.echo(identity_of(paths(home, None)[0], create=True).card.to_text())


@app.command()
def invite(
    peer_card: Annotated[str, typer.Argument(metavar="CARD", help="The line that `strata mesh card` prints there.")],
    *,
    name: Annotated[str, typer.Option(help="The machine's name in the mesh.")],
    address: Addresses = None,
    role: Roles = None,
    home: Home = None,
    mesh: Mesh = None,
) -> None:
    """Take a machine into the mesh, or change its name, addresses and roles."""
    from strata.mesh import edit_membership
    from strata.secure import PeerCard

    home, mesh = paths(home, mesh)
    invited = PeerCard.from_text(peer_card)

    def add(membership: "Membership") -> "Membership":
        return membership.with_member(invited, name, address or (), role or ("node",))

    changed = edit_membership(mesh, identity_of(home), add)
    typer.echo(f"{name} ({invited.peer_id}) is a member; {mesh} is now version {changed.version}: give it to all")


@app.command()
def revoke(
    peer: Annotated[str, typer.Argument(help="Name or peer id of the member.")], home: Home = None, mesh: Mesh = None
) -> None:
    """Shut a machine out for good: its key is never taken again."""
    from strata.mesh import edit_membership
    from strata.secure import NotAMember

    home, mesh = paths(home, mesh)

    def remove(membership: "Membership") -> "Membership":
        try:
            peer_id = membership.named(peer).peer_id
        except NotAMember:
            peer_id = peer
        return membership.without(peer_id)

    changed = edit_membership(mesh, identity_of(home), remove)
    typer.echo(f"{peer} is revoked; {mesh} is now version {changed.version}: give it to all")


@app.command()
def show(home: Home = None, mesh: Mesh = None, as_json: Json = False) -> None:
    """List the members."""
    from strata.mesh import read_membership

    membership = read_membership(paths(home, mesh)[1])
    if as_json:
        typer.echo(json.dumps(membership.document()))
        return
    typer.echo(f"mesh {membership.mesh_id} version {membership.version}, owned by {membership.owner_peer_id}")
    for member in membership.members:
        places = ", ".join(member.addresses) or "no address"
        typer.echo(f"{member.name:<16} {member.peer_id}  {', '.join(sorted(member.roles)):<18} {places}")
    for peer_id in sorted(membership.revoked):
        typer.echo(f"{'revoked':<16} {peer_id}")


for command in (node, up, down, page, status, sweep, topology, bandwidth, simulate):
    app.command()(command)
