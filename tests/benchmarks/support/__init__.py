"""What the benchmarks share. They are run as files, so this package lies beside them."""
