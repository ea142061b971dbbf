"""Prefect's server, as `prefect server start` has it, but never at a standstill: `strata.garbage` says why it would be.

`python -m deployments.prefect_server --port 4200` takes the options of `prefect server start`.
"""

import runpy
import sys

from strata.garbage import collect_apart


def main() -> None:
    """Run the server; does not return before it has ended."""
    collect_apart()
    sys.argv = ["prefect", "server", "start", *sys.argv[1:]]
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
