"""A gate on ratios: whole chunks stay many times cheaper than one object per record. No second is asserted."""

import time
from collections.abc import Callable

import numpy as np

from agents.runtime.record_run import parts_of
from pricing.quotes.quote import QuoteContext, answer
from pricing.quotes.quote_offers import Asked, answer_values, offer_of, request_at
from supply.fleet import Fleet
from tests.unit.agents import record_batches as rb
from tests.unit.pricing.test_quote import tick_at
from tests.unit.pricing.worlds import MARKET, NOON_MS, TIMES_SQUARE, ZONE, policy
from topics import wire
from topics.catalogue import DRIVER_PINGS, QUOTES
from topics.codec import ObjectCodec
from topics.columns import ColumnDecoder
from topics.events import DriverPinged, DriverStatus
from topics.schemas import schema_of
from windows.cell_map import CellMap
from windows.hexagons import cells_of

N = 2_000
TRIES = 7
AT_LEAST = 5.0
"""Seen are 15 and more; below 5 there is one object per record again."""
QUOTES_AT_LEAST = 2.0
"""Seen are 4.3; below 2 quotes are encoded field by field again."""
REQUEST = {
    "partition": 0, "offset": 9, "appended_ms": NOON_MS, "rider_id": "rider-1", "at_ms": NOON_MS,
    "pickup_lat": 40.7580, "pickup_lon": -73.9855, "dropoff_lat": 40.7033, "dropoff_lon": -74.0170,
    "product": "standard", "deadline_ms": None,
}  # fmt: skip


def ratio_of(fast: Callable[[], object], slow: Callable[[], object]) -> float:
    """How many times the processor time of `fast` `slow` takes: the best of several tries of each, in turn."""
    spent = {fast: [], slow: []}
    for _ in range(TRIES):
        for each in (fast, slow):
            begun = time.thread_time_ns()
            each()
            spent[each].append(time.thread_time_ns() - begun)
    return min(spent[slow]) / max(1, min(spent[fast]))


def pings():
    """Pings of as many drivers."""
    return [
        DriverPinged(
            driver_id=f"driver-{number:06d}",
            at_ms=1_793_620_800_000 + number,
            lat=40.7 + number * 1e-6,
            lon=-73.9,
            status=DriverStatus.IDLE,
            products=["standard", "xl"],
        )
        for number in range(N)
    ]


def test_columns_are_many_times_cheaper_than_objects():
    """Decoding a chunk to columns, beside decoding each record: equal values, a fraction of the time."""
    codec = ObjectCodec(DRIVER_PINGS, 1)
    values = [codec.encode(ping) for ping in pings()]
    decoder = ColumnDecoder(schema_of(DRIVER_PINGS), {1: schema_of(DRIVER_PINGS)})
    assert decoder.decode(values).texts("driver_id") == [codec.decode(value).driver_id for value in values]
    assert ratio_of(lambda: decoder.decode(values), lambda: [codec.decode(value) for value in values]) > AT_LEAST


def test_a_fleet_takes_chunks_many_times_cheaper_than_single_pings():
    """The arrays of drivers, beside the same pings one by one: equal counts, a fraction of the time."""
    driver = np.arange(N) + 1
    columns = {
        "driver": driver,
        "at_ms": np.full(N, 1_000),
        "cell": 0x882A100D67FFFFF + driver % 7,
        "status": np.ones(N, np.int8),
        "products": np.ones(N, np.uint64),
        "free_at_ms": np.full(N, -1),
    }
    whole, single = Fleet(), Fleet()

    def one_by_one() -> None:
        for row in range(N):
            single.observe(**{name: column[row : row + 1] for name, column in columns.items()})

    assert ratio_of(lambda: whole.observe(**columns), one_by_one) > AT_LEAST
    assert whole.counts(1_000).idle.tolist() == single.counts(1_000).idle.tolist()


def test_a_chunk_of_quotes_is_many_times_cheaper_than_quotes_one_by_one():
    """Bytes from shared parts, beside an object, a dict and a walk for each: equal values, a fraction of the time."""
    tick, law, frame = tick_at(150), policy(), wire.frame(1, b"")
    where = QuoteContext(cell=TIMES_SQUARE, zone=ZONE, market=MARKET, policy=law, tick=tick)
    count, codec = 200, ObjectCodec(QUOTES, 1)
    column = {"request_id": [f"r-{number}" for number in range(count)], "cell": [TIMES_SQUARE] * count}
    column |= {name: [value] * count for name, value in REQUEST.items()}
    asked = Asked(**column)
    offer = offer_of(where, "standard", NOON_MS)

    def whole() -> list[bytes]:
        return [made.value for made in answer_values(asked, lambda *_: offer, frame=frame, now_ms=NOON_MS)]

    def one_by_one() -> list[bytes]:
        requests = [request_at(asked, place) for place in range(count)]
        return [
            codec.encode(answer(request, where, appended_ms=appended_ms, now_ms=NOON_MS, request_offset=offset))
            for request, appended_ms, offset in requests
        ]

    assert whole() == one_by_one()
    assert ratio_of(whole, one_by_one) > QUOTES_AT_LEAST


def test_runs_are_several_times_cheaper_than_record_objects():
    """From the bytes of a fetch to values and keys, unpacking included: one walk beside aiokafka's objects.

    Seen are 6 and more.
    """
    codec = ObjectCodec(DRIVER_PINGS, 1)
    data = rb.batch(
        [(i, 7, ping.driver_id.encode(), codec.encode(ping), []) for i, ping in enumerate(pings())], codec=3
    )

    def whole():
        return parts_of(rb.raw_runs(data).records[0])

    def one_by_one():
        return parts_of(rb.stock(data).records)

    first, other = whole().values, one_by_one().values
    assert [first.part(row) for row in range(N)] == [other.part(row) for row in range(N)]
    assert ratio_of(whole, one_by_one) > AT_LEAST / 2


def test_cells_of_known_squares_are_many_times_cheaper_than_those_of_h3():
    """The same cells. Seen are 10 and more."""
    dice, known = np.random.default_rng(1), CellMap()
    lat, lon = 40.7 + dice.uniform(0, 0.02, N), -73.9 + dice.uniform(0, 0.02, N)
    assert (known.cells_of(lat, lon) == cells_of(lat, lon)).all()
    assert ratio_of(lambda: known.cells_of(lat, lon), lambda: cells_of(lat, lon)) > AT_LEAST
