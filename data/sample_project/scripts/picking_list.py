"""Print a picking list: which bins give what for the orders in a file of `order,sku,quantity` lines."""

import csv
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from depot.inventory import Warehouse


def picking_list(rows, warehouse: Warehouse) -> "list[str]":
    lines = []
    for order, sku, quantity in rows:
        picked = warehouse.pick(sku, int(quantity))
        lines.append(f"{order}: " + ", ".join(f"{count} {sku} from {name}" for name, count in picked))
    return lines


if __name__ == "__main__":
    stocked = Warehouse(("A", "B"))
    for sku in ("MUG", "TEA", "POT"):
        stocked.receive(sku, 20, "A")
        stocked.receive(sku, 5, "B")
    source = open(sys.argv[1]) if len(sys.argv) > 1 else sys.stdin
    with source:
        print("\n".join(picking_list(csv.reader(source), stocked)))
