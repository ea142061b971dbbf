from datetime import datetime

import pytest

from depot import shipping
from depot.common.money import Money
from depot.shipping import labels, rates, tracking


@pytest.fixture
def table():
    return rates.RateTable({2000: Money(499), 10_000: Money(849)}, Money(600))


@pytest.mark.parametrize(
    ("pieces", "weights"), [([("POT", 1450, 8)], [8700, 2900]), ([("MUG", 350, 2), ("POT", 1450, 1)], [2150]), ([], [])]
)
def test_pieces_are_packed_heaviest_first(pieces, weights):
    assert [parcel.weight for parcel in shipping.pack(pieces)] == weights


def test_a_piece_that_no_parcel_holds_is_an_error():
    with pytest.raises(ValueError, match="weighs"):
        shipping.pack([("OVEN", 20_000, 1)])


@pytest.mark.parametrize(("weight", "country", "cents"), [(2000, "DE", 499), (2001, "FR", 1449), (1, "JP", 1699)])
def test_postage_is_by_weight_and_zone(table, weight, country, cents):
    assert table.price(shipping.Parcel({}, weight), country) == Money(cents)


def test_the_cheapest_carrier_that_takes_a_parcel_is_found(table):
    bike = shipping.Carrier("Bike", rates.RateTable({3000: Money(350)}, Money(2000)), most=3000)
    post = shipping.Carrier("Post", table)
    assert shipping.cheapest([post, bike], shipping.Parcel({}, 1000)) is bike
    assert shipping.cheapest([post, bike], shipping.Parcel({}, 5000)) is post
    assert shipping.cheapest([post, bike], shipping.Parcel({}, 50_000)) is None


def test_labels_carry_a_code_that_is_checked():
    text = labels.label(shipping.Parcel({"MUG": 2}, 700), 17, "Ada", "1 Mill Lane", "London")
    code = text.splitlines()[-1]
    assert labels.is_valid(code)
    assert not labels.is_valid(code[:-1] + str((int(code[-1]) + 1) % 10))


def test_a_track_goes_in_order():
    track = tracking.Track(shipping.Parcel())
    for event in tracking.EVENTS:
        assert not track.is_delivered
        track.add(event, datetime(2024, 3, 1))
    assert track.is_delivered
    with pytest.raises(ValueError, match="nothing comes next"):
        track.add("packed", datetime(2024, 3, 1))
    with pytest.raises(TypeError):
        tracking.Track("parcel")
