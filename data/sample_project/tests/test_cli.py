import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_a_quote_has_lines_parcels_and_sums():
    lines = import_module("depot.cli").quote({"MUG": 2, "POT": 1})
    assert lines[-1] == "net 56.80 EUR, gross 67.59 EUR"
    assert lines[-2] == "parcel of 2150 g: Bike 3.50 EUR"


@pytest.mark.parametrize(
    ("script", "given", "expected"),
    [
        ("scripts/picking_list.py", "O-1,MUG,22\n", "O-1: 20 MUG from A, 2 MUG from B\n"),
        ("src/depot/billing/statement.py", "", "number      due         owed\nEUR, GBP, USD\n"),
    ],
)
def test_scripts_run_by_their_path(script, given, expected):
    done = subprocess.run([sys.executable, "-B", ROOT / script], input=given, capture_output=True, text=True, check=True)
    assert done.stdout == expected
