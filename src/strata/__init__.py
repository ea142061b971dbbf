"""Strata: run, evolve, connect and refactor a decentralised fleet of language models.

This package is the domain library. It knows nothing of Prefect; `flows` and `tasks` wrap it.
"""
