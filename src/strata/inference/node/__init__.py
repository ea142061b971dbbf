"""The daemon that a machine runs: it takes a shard, holds it in memory and runs sessions on it."""
