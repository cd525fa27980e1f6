"""Minutes read from the log of counts: what stood at each whole minute, and no minute in which a source was missing.

             14:00            14:01            14:02            14:03
source 0   alive, 3 cars ──────┊─── 5 cars ─────┊────────────────┊──▶
source 1   alive, 1 car ───────┊────────────────┊── silent ──────┊     14:03 is not told
"""

import asyncio
from dataclasses import replace
from types import SimpleNamespace

from infra.cli.cars import say_passed_over
from infra.cli.forecast_supply import as_of, states_of
from pricing.learning.supply_log import BookingMinutes, CarMinutes, spans_of
from pricing.zones.zone_view import layout_of
from tests.unit.pricing.counts_log import ZONE, demand, supply
from topics.counts import CountKind
from windows.panes import MINUTE_MS

CELLS = layout_of(ZONE).cells
HOME, HALO = int(CELLS[3]), int(CELLS[60])
NOON_MS = 1_700_000_040_000
DONE, ALIVE = CountKind.SNAPSHOT_COMPLETE, CountKind.ALIVE


def log(kind, of, records):
    """A log of one partition that took these records."""
    made = kind(0)
    for offset, (at_s, changes) in enumerate(records):
        made.take(of(now_ms=NOON_MS + 1_000 * at_s, **changes), offset)
    return made


def alive(seconds, sources=(0, 1)):
    """Every source says each second that it is there."""
    return [(at, {"kind": ALIVE, "source": source}) for at in seconds for source in sources]


def cars(*changes, seconds=range(-20, 260), sources=(0, 1)):
    """A log of supply-cells; both sources complete their snapshots at the start."""
    begun = [(-30, {"kind": DONE, "source": source}) for source in (0, 1)]
    return log(CarMinutes, supply, begun + sorted([*alive(seconds, sources), *changes], key=lambda each: each[0]))


def bookings(*changes, seconds=range(-20, 260)):
    """A log of demand-cells, likewise."""
    begun = [(-30, {"kind": DONE, "source": source, "complete_from_ms": 0}) for source in (0, 1)]
    return log(BookingMinutes, demand, begun + sorted([*alive(seconds), *changes], key=lambda each: each[0]))


def test_a_minute_holds_what_stood_at_it_over_all_sources():
    """Counts replace each other and add up over sources; cells of the halo are told by their own zone."""
    [span] = spans_of(
        [
            cars(
                (-5, {"source": 0, "idle": {HOME: 3, HALO: 7}}),
                (-4, {"source": 1, "idle": {HOME: 1}}),
                (61, {"source": 0, "idle": {HOME: 5}}),
                (62, {"source": 1, "idle": {}}),
            )
        ],
        [bookings()],
    )
    assert ((span.at_ms - NOON_MS) // MINUTE_MS).tolist() == [0, 1, 2, 3]
    assert span.cells.tolist() == [HOME]
    assert span.idle[:, 0].tolist() == [4, 4, 5, 5]
    assert span.soon_free[:, 0].tolist() == [2, 2, 4, 4]


def test_bookings_are_those_of_the_minute_before():
    """Ten-second panes from 12:01:00 on belong to 12:02, whenever they were written."""
    late = {"source": 0, "pane": NOON_MS + 70_000, "asked": {HOME: 4}}
    [span] = spans_of([cars((-5, {"source": 0, "idle": {HOME: 3}}))], [bookings((95, late))])
    assert span.bookings[:, 0].tolist() == [0, 0, 2, 0]


def test_minutes_in_which_a_source_is_silent_are_a_break():
    """A worker that restarts is no city without cars."""
    quiet = [at for at in range(-20, 400) if not 100 < at < 200]
    found = spans_of([cars((-5, {"source": 0, "idle": {HOME: 3}}), seconds=quiet)], [bookings(seconds=range(-20, 400))])
    assert [((span.at_ms - NOON_MS) // MINUTE_MS).tolist() for span in found] == [[0, 1], [4, 5]]
    assert [span.name for span in found] == ["0", "1"]


def test_counts_of_an_epoch_wait_for_its_snapshot():
    """The old epoch stands until the new one is complete."""
    one = {"source": 0, "sources": 1}
    new = one | {"epoch": 2}
    records = [
        (-30, one | {"kind": DONE}),
        (-5, one | {"idle": {HOME: 3}}),
        *((at, one | {"kind": ALIVE}) for at in range(-4, 59)),
        (59, new | {"idle": {HOME: 9}}),
        (62, new | {"kind": DONE}),
        *((at, new | {"kind": ALIVE}) for at in range(63, 200)),
    ]
    [span] = spans_of([log(CarMinutes, supply, records)], [bookings()])
    assert span.idle[:, 0].tolist() == [3, 3, 9, 9]


def test_a_record_that_contradicts_itself_is_passed_over_and_counted():
    """Three cells and two counts: what stood before still stands, in cars and in bookings."""
    both, one = cars((-5, {"source": 0, "idle": {HOME: 3}}), seconds=range(-20, 5)), bookings(seconds=range(-20, 5))
    both.take(replace(supply(now_ms=NOON_MS + 5_000, idle={HOME: 4}), idle=[1, 2]), 900)
    one.take(replace(demand(now_ms=NOON_MS + 5_000, pane=NOON_MS, asked={HOME: 4}), requests=[1]), 900)
    assert (both.passed_over, one.passed_over) == (1, 1)
    for at in range(6, 130):
        for source in (0, 1):
            both.take(supply(ALIVE, source=source, now_ms=NOON_MS + 1_000 * at), 901 + 2 * at + source)
            one.take(demand(ALIVE, source=source, now_ms=NOON_MS + 1_000 * at), 901 + 2 * at + source)
    [span] = spans_of([both], [one])
    assert span.idle[:, 0].tolist() == [3, 3]
    assert not span.bookings.any()


def test_a_forecast_passes_over_what_contradicts_itself(capsys):
    """One record of a faulty writer ends no command; how many there were is said."""

    async def entries():
        for offset, record in enumerate(
            [
                supply(DONE, source=0),
                supply(DONE, source=1),
                supply(idle={HOME: 3}),
                replace(supply(idle={HOME: 4}), idle=[1, 2]),
            ]
        ):
            yield SimpleNamespace(partition=7, offset=offset, record=record)

    [state], passed_over = asyncio.run(states_of(entries()))
    assert (state.partition, passed_over) == (7, 1)
    assert state.zones[ZONE].cars[0].idle.tolist() == [3]
    say_passed_over("supply-cells", passed_over)
    assert capsys.readouterr().err == "supply-cells: passed over 1 record, whose arrays contradict each other\n"


def test_a_forecast_says_of_when_its_counts_are():
    """Counts of a service that stopped are not told as if they were of now."""
    assert as_of(NOON_MS, 3_000).endswith("UTC, 3 s ago")
    assert "UTC, 7,200 s ago: that old, what is told as now may be long gone" in as_of(NOON_MS, 7_200_000)


def test_logs_that_share_no_minute_give_none():
    """Nothing is told that one side did not know."""
    assert spans_of([cars(seconds=range(-20, 100))], [bookings(seconds=range(200, 260))]) == []
    assert spans_of([], []) == []
