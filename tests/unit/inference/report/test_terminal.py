"""The bars of a distribution, as they stand on a terminal."""

import io

from rich.console import Console

from strata.inference import DistributionBars

MEBIBYTE = 1 << 20


def test_a_bar_says_how_fast_what_is_sent_comes_and_nothing_of_what_was_there():
    clock = iter(range(1000))
    console = Console(
        file=io.StringIO(), width=100, force_terminal=True, color_system=None, get_time=lambda: next(clock)
    )
    with DistributionBars(console, {"a": "node a"}) as bars:
        bars.show("kept", 8 * MEBIBYTE, 8 * MEBIBYTE)
        for done in (0, 2, 4, 8):
            bars.show("a", done * MEBIBYTE, 8 * MEBIBYTE)
    lines = console.file.getvalue().splitlines()
    kept, sent = ([line for line in lines if name in line][-1] for name in ("kept", "node a"))
    assert kept.rstrip().endswith("8.0/8.0 MiB")
    assert sent.rstrip().endswith("MB/s")
