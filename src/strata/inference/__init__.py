"""Inference (face being filled in)."""
