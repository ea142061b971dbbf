"""Prefect flows, one file per pipeline. Each reads like its diagram."""
