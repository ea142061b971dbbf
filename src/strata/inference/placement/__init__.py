"""Placement: which node gets which contiguous layers, as pure mathematics over arrays of seconds and bytes.

`partition` (exact or bounded), `balance` (equal parts). Nothing here knows what a model is.
"""
