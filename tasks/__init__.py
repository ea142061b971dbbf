"""Prefect tasks, one file per pipeline. Thin: retries, caching, artifacts, rollback hooks."""
