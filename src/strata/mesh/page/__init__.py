"""A page with which a browser joins the mesh: it sees the mesh and asks its models a question.

- `serve_page`, `Serving`: the page over HTTP and, beside it, a libp2p host that browsers speak with over WebSocket.
- `Ask`, `Answered`, `AskFailed`: who answers their questions; the inference pipeline is put behind it from outside.
- `MeshEye`: what they are shown of the mesh, `MeshView`.
- `BROWSER`: the role of a member that is one.
"""

from strata.mesh.page.asking import Answered, Ask, AskFailed
from strata.mesh.page.browsers import BROWSER
from strata.mesh.page.eye import MeshEye
from strata.mesh.page.server import Serving, serve_page
from strata.mesh.page.view import MeshView

__all__ = ["BROWSER", "Answered", "Ask", "AskFailed", "MeshEye", "MeshView", "Serving", "serve_page"]
