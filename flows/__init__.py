"""Prefect flows, one file per pipeline: parameters and wiring."""

from tasks.lifeline import end_with_worker

# Before a flow's own imports, which take seconds: so early no other line of ours runs in a process of a worker's.
end_with_worker()
