"""Prefect's server with its user interface on loopback: `python -m deployments.prefect_server PORT`.

As `prefect server start`, but it is never at a standstill (`strata.garbage` says why it would be), and a request that
met another one in SQLite is tried again here. Everything else is as Prefect's settings have it.
"""

import sys

from deployments.again import Again
from strata.garbage import collect_apart


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    import uvicorn
    from prefect.server.api.server import create_app

    collect_apart()
    uvicorn.run(Again(create_app(final=True)), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")


if __name__ == "__main__":
    main()
