import pickle

import pytest

from depot.inventory import OutOfStock, StockLedger, counting, replenishment, reservations


def test_goods_are_picked_from_the_fullest_bin_first(warehouse):
    assert warehouse.pick("MUG", 10) == [("A", 8), ("B", 2)]
    assert warehouse.on_hand("MUG") == 2


def test_nothing_is_taken_where_there_is_too_little(warehouse):
    with pytest.raises(OutOfStock):
        warehouse.pick("MUG", 13)
    assert warehouse.on_hand("MUG") == 12


def test_a_level_is_never_below_zero():
    ledger = StockLedger()
    ledger.book("MUG", 2, "delivery")
    with pytest.raises(OutOfStock, match="3 wanted, 2 there"):
        ledger.book("MUG", -3, "picked")
    assert ledger.skus() == ["MUG"]


def test_what_cannot_be_promised_waits_for_the_next_delivery(warehouse):
    promised = reservations.Reservations(warehouse)
    assert promised.reserve("O-1", "MUG", 10) == 10
    assert promised.reserve("O-2", "MUG", 5) == 2
    assert promised.waiting.missing("MUG") == 3
    warehouse.receive("MUG", 3)
    assert promised.waiting.retry() == ["O-2"]
    assert promised.fulfil("O-2", "MUG") == 5
    assert promised.waiting.missing("MUG") == 0


def test_only_promised_goods_are_fulfilled(warehouse):
    with pytest.raises(OutOfStock):
        reservations.Reservations(warehouse).fulfil("O-1", "MUG")


@pytest.mark.parametrize(("level", "wanted"), [(0, 24), (3, 18), (5, 0), (9, 0)])
def test_replenishment_is_in_whole_boxes(level, wanted):
    ledger = StockLedger()
    ledger.book("MUG", level, "delivery")
    found = replenishment.suggestions(ledger, {"MUG": replenishment.Policy(5, 20, 6)})
    assert found.get("MUG", 0) == wanted


def test_stocktaking_books_what_differs():
    ledger = StockLedger()
    ledger.book("MUG", 5, "delivery")
    ledger.book("TEA", 2, "delivery")
    assert counting.differences(ledger, {"MUG": 4, "TEA": 2}) == {"MUG": -1}
    counting.correct(ledger, {"MUG": 4, "TEA": 2})
    assert ledger.level("MUG") == 4
    assert replenishment.turnover(ledger, "MUG") == 1


def test_a_ledger_survives_being_pickled():
    ledger = StockLedger()
    ledger.book("MUG", 5, "delivery")
    again = pickle.loads(pickle.dumps(ledger))
    assert again.movements == ledger.movements
