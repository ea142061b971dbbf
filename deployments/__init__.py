"""What `prefect.yaml` does not say: work pool, limits, local serving."""
