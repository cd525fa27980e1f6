"""The ledger of late events, the order of writers and the product axis."""

import pytest

from windows.epochs import Epoch
from windows.lateness import arrived_late
from windows.products import MOST_PRODUCTS, OTHERS, ProductAxis


def late(appended_ms):
    return arrived_late(
        topic="t", partition=1, offset=2, event_id="r", at_ms=20_000, appended_ms=appended_ms, service="demand"
    )


def test_the_ledger_says_by_how_much():
    """A late event is noted with the time since its grace ended."""
    assert late(50_700).late_by_ms == 700


def test_an_event_in_time_is_no_entry():
    """What came in time is refused by name."""
    with pytest.raises(ValueError, match="appended_ms must be after the end of grace 50000, got 50000"):
        late(50_000)


def test_the_generation_orders_writers_before_the_start():
    """A higher generation wins, then a later start."""
    epochs = [Epoch(2, 5), Epoch(1, 9), Epoch(2, 6)]
    assert sorted(epochs) == [Epoch(1, 9), Epoch(2, 5), Epoch(2, 6)]


def test_a_product_keeps_its_index():
    """Products are numbered by first appearance, up to 32, and an empty one is refused."""
    axis = ProductAxis(tuple(f"p{i}" for i in range(MOST_PRODUCTS)))
    assert axis.index_of("p7") == 7
    with pytest.raises(ValueError, match="product must be one of at most 32, got 'more' as one more"):
        axis.index_of("more")
    with pytest.raises(ValueError, match="product must be a name, got ''"):
        axis.index_of("")
    assert len(axis) == len(axis.ids) == MOST_PRODUCTS


def test_products_that_come_too_late_share_the_last_place():
    """The others keep theirs, and none is counted under another one's name."""
    axis = ProductAxis(tuple(f"p{i}" for i in range(MOST_PRODUCTS - 1)))
    assert [axis.index_or_others(name) for name in ("p30", "late", "later", "late")] == [30, 31, 31, 31]
    assert axis.ids[30:] == ("p30", OTHERS)
